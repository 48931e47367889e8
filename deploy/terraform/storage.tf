# The lock and journal of deployments, and the bundles that tasks fetch.
resource "aws_s3_bucket" "state" {
  bucket_prefix = "${var.name}-state-"
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

# The anchor of the ledger lies outside its database, and all tasks share it.
resource "aws_efs_file_system" "anchor" {
  encrypted = true
}

resource "aws_efs_mount_target" "anchor" {
  for_each        = toset(var.private_subnet_ids)
  file_system_id  = aws_efs_file_system.anchor.id
  subnet_id       = each.value
  security_groups = [aws_security_group.anchor.id]
}

resource "aws_efs_access_point" "anchor" {
  file_system_id = aws_efs_file_system.anchor.id

  posix_user {
    uid = 10001
    gid = 10001
  }

  root_directory {
    path = "/ledger"

    creation_info {
      owner_uid   = 10001
      owner_gid   = 10001
      permissions = "0750"
    }
  }
}

resource "aws_db_subnet_group" "ledger" {
  name       = "${var.name}-ledger"
  subnet_ids = var.private_subnet_ids
}

resource "random_password" "ledger" {
  length  = 40
  special = false
}

resource "aws_db_parameter_group" "ledger" {
  name   = "${var.name}-ledger"
  family = "postgres17"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }
}

resource "aws_db_instance" "ledger" {
  identifier                      = "${var.name}-ledger"
  engine                          = "postgres"
  engine_version                  = "17"
  instance_class                  = var.database_class
  allocated_storage               = 50
  max_allocated_storage           = 500
  storage_encrypted               = true
  multi_az                        = true
  db_name                         = "creditrisk"
  username                        = "creditrisk"
  password                        = random_password.ledger.result
  db_subnet_group_name            = aws_db_subnet_group.ledger.name
  parameter_group_name            = aws_db_parameter_group.ledger.name
  vpc_security_group_ids          = [aws_security_group.database.id]
  publicly_accessible             = false
  backup_retention_period         = 35
  deletion_protection             = true
  copy_tags_to_snapshot           = true
  skip_final_snapshot             = false
  final_snapshot_identifier       = "${var.name}-ledger-final"
  enabled_cloudwatch_logs_exports = ["postgresql"]
}

resource "random_password" "ledger_key" {
  length  = 64
  special = false
}

resource "aws_secretsmanager_secret" "ledger_url" {
  name_prefix = "${var.name}/ledger-url-"
}

resource "aws_secretsmanager_secret_version" "ledger_url" {
  secret_id     = aws_secretsmanager_secret.ledger_url.id
  secret_string = "postgresql+psycopg://creditrisk:${random_password.ledger.result}@${aws_db_instance.ledger.endpoint}/creditrisk?sslmode=require"
}

resource "aws_secretsmanager_secret" "ledger_key" {
  name_prefix = "${var.name}/ledger-key-"
}

resource "aws_secretsmanager_secret_version" "ledger_key" {
  secret_id     = aws_secretsmanager_secret.ledger_key.id
  secret_string = random_password.ledger_key.result
}

resource "aws_secretsmanager_secret" "api_keys" {
  name_prefix = "${var.name}/api-keys-"
}

resource "aws_secretsmanager_secret_version" "api_keys" {
  secret_id     = aws_secretsmanager_secret.api_keys.id
  secret_string = var.api_keys_json
}
