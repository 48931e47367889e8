"""An append-only record of decisions in which a changed, inserted or deleted row is found."""
