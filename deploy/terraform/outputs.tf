# The value of CREDITRISK_ECS_TARGET: terraform output -json deployment_target
output "deployment_target" {
  description = "What creditrisk deploy-ecs needs to know."
  value = {
    region                 = var.region
    cluster                = aws_ecs_cluster.this.name
    service                = aws_ecs_service.api.name
    family                 = "${var.name}-api"
    url                    = "https://${var.domain_name}"
    candidate_url          = "https://${var.domain_name}:8443"
    candidate_target_group = aws_lb_target_group.candidate.arn
    container_port         = local.container_port
    desired_count          = var.desired_count
    state_bucket           = aws_s3_bucket.state.bucket
    execution_role         = aws_iam_role.execution.arn
    task_role              = aws_iam_role.task.arn
    log_group              = aws_cloudwatch_log_group.api.name
    ledger_url_secret      = aws_secretsmanager_secret.ledger_url.arn
    ledger_key_secret      = aws_secretsmanager_secret.ledger_key.arn
    api_keys_secret        = aws_secretsmanager_secret.api_keys.arn
    anchor_file_system     = aws_efs_file_system.anchor.id
    anchor_access_point    = aws_efs_access_point.anchor.id
  }
}

output "role_arns" {
  description = "AWS_ROLE_ARN of the repository's environments."
  value = {
    images     = aws_iam_role.pusher.arn
    production = aws_iam_role.deployer.arn
  }
}

output "load_balancer_name" {
  description = "Where the domain name must lead."
  value       = aws_lb.api.dns_name
}

output "repositories" {
  description = "Where images are pushed."
  value       = { for name, repository in aws_ecr_repository.image : name => repository.repository_url }
}
