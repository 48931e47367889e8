"""`python -m creditrisk.monitoring.production` is `creditrisk monitor-production`."""

from creditrisk.pipelines.command import run
from creditrisk.pipelines.monitor_production import main

run(main)
