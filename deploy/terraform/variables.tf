variable "name" {
  description = "Prefix of every resource."
  type        = string
  default     = "creditrisk"
}

variable "region" {
  description = "Where everything is made."
  type        = string
}

variable "vpc_id" {
  description = "The network."
  type        = string
}

variable "public_subnet_ids" {
  description = "Subnets of the load balancer, in two zones at least."
  type        = list(string)
}

variable "private_subnet_ids" {
  description = "Subnets of tasks, database and file system, with a way out to ECR, S3, Secrets Manager and CloudWatch."
  type        = list(string)
}

variable "certificate_arn" {
  description = "Certificate of the load balancer, in ACM."
  type        = string
}

variable "domain_name" {
  description = "Name that the certificate is for and that leads to the load balancer."
  type        = string
}

variable "caller_cidrs" {
  description = "Networks that may call the API."
  type        = list(string)
}

variable "deployer_cidrs" {
  description = "Networks from which the candidate may be tested, on port 8443."
  type        = list(string)
}

variable "github_repository" {
  description = "OWNER/NAME of the repository whose environments images and production push and deploy."
  type        = string
}

variable "github_oidc_provider_arn" {
  description = "The account's identity provider for token.actions.githubusercontent.com; an account has one."
  type        = string
}

variable "api_keys_json" {
  description = "Content of the file that creditrisk api-key writes: hashes, no keys."
  type        = string
  sensitive   = true
}

variable "alarm_topic_arn" {
  description = "SNS topic that alarms are sent to."
  type        = string
}

variable "desired_count" {
  description = "Tasks of the service from the first deployment on."
  type        = number
  default     = 2
}

variable "database_class" {
  description = "Instance class of PostgreSQL."
  type        = string
  default     = "db.t4g.small"
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 365
}

variable "ledger_client_security_group_ids" {
  description = "Security groups of runners that promote, and so write the ledger and move its anchor."
  type        = set(string)
  default     = []
}
