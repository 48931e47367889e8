"""The rollout of a model to Amazon ECS: verified before and after traffic reaches it, or taken back."""
