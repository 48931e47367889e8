"""One thin module a stage or job: parse, call one function below, write one report, exit."""
