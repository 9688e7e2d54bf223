#!/bin/sh
# Who may do what with the topics: only command-api writes events. Run again at any time: what is there stays.
#
# BOOTSTRAP brokers · PREFIX of topics and groups · ADMIN file with the sign-in of a super user · KAFKA_ACLS the tool
set -eu
tool=${KAFKA_ACLS:-/opt/kafka/bin/kafka-acls.sh}
allow() { # users, separated by commas; then what
  principals=$(printf -- '--allow-principal User:%s ' $(echo "$1" | tr , ' '))
  shift
  # Each of the two is several words.
  # shellcheck disable=SC2086
  $tool --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN" --add --force $principals "$@" >/dev/null
}

services=command-api,projectors,query-api,auth-api,orchestrator
allow $services --operation Read --topic "$PREFIX." --group "$PREFIX." --resource-pattern-type prefixed
allow $services --operation DescribeConfigs --topic "$PREFIX." --resource-pattern-type prefixed
# Events, owners, read positions; and it makes the topics where they are missing.
allow command-api --operation Create --topic "$PREFIX." --resource-pattern-type prefixed
allow command-api --operation Write \
  --topic "$PREFIX.users.v1" --topic "$PREFIX.rooms.v1" --topic "$PREFIX.owners.v1" --topic "$PREFIX.reads.v1"
allow projectors --operation Write --topic "$PREFIX.parked.v1"
allow query-api --operation Write --topic "$PREFIX.presence.v1"
allow orchestrator --operation Write --topic "$PREFIX.sagas.v1"
allow auth-api --operation Write --topic "$PREFIX.revoked.v1" --topic "$PREFIX.sagas.v1"
# Whoever looks only looks.
allow kafka-ui --operation Read --operation DescribeConfigs --topic '*'
allow kafka-ui --operation Describe --group '*'
allow kafka-ui --operation Describe --operation DescribeConfigs --cluster
echo "the brokers know who may do what with $PREFIX.*"
