locals {
  alarms = { for alarm in jsondecode(file("${path.module}/../cloudwatch/alarms.json")) : alarm.AlarmName => alarm }
}

resource "aws_cloudwatch_metric_alarm" "figure" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.AlarmDescription
  namespace           = each.value.Namespace
  metric_name         = each.value.MetricName
  dimensions          = { for dimension in each.value.Dimensions : dimension.Name => dimension.Value }
  statistic           = each.value.Statistic
  period              = each.value.Period
  evaluation_periods  = each.value.EvaluationPeriods
  threshold           = each.value.Threshold
  comparison_operator = each.value.ComparisonOperator
  treat_missing_data  = each.value.TreatMissingData
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]
}
