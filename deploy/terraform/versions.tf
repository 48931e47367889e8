terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }

  # State holds the database's password: keep it in an encrypted bucket of its own.
  backend "s3" {}
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { Project = var.name }
  }
}
