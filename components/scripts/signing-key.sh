#!/bin/sh
# Prints a new key of 32 characters.
set -eu
openssl rand -hex 16
