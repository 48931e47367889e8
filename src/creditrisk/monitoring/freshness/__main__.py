"""`python -m creditrisk.monitoring.freshness` is `creditrisk check-freshness`."""

from creditrisk.pipelines.check_freshness import main
from creditrisk.pipelines.command import run

run(main)
