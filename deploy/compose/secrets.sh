#!/bin/sh
# Makes what must not stand in a file of the repository: passwords, the key that seals the signing keys, the secret of services. Once: what is there is left alone.
#
#   deploy/compose/secrets.sh [FOLDER]      default: secrets/ beside this script
#
# Each service has a Kafka user of its own, so that the brokers can tell who may write what (kafka/acls.sh).
set -eu
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 0700 "$folder"
cd "$folder"
umask 077

password() { head -c 24 /dev/urandom | base64 | tr '+/' '-_'; }
keep() { # file: standard input becomes its content, unless it is there
  [ -e "$1" ] || { cat >"$1.new" && mv "$1.new" "$1"; }
}

for name in postgres-auth postgres-timeline elastic kibana grafana; do
  [ -e "$name" ] || printf %s "$(password)" | keep "$name"
done
for user in broker admin kafka-ui command-api projectors query-api auth-api orchestrator; do
  [ -e "kafka-$user" ] || printf %s "$(password)" | keep "kafka-$user"
done
[ -e sealing-key ] || openssl rand -base64 32 | keep sealing-key
[ -e service-secret ] || openssl rand -hex 32 | keep service-secret

{
  echo 'KafkaServer {'
  echo '  org.apache.kafka.common.security.plain.PlainLoginModule required'
  printf '  username="broker" password="%s"\n' "$(cat kafka-broker)"
  for user in broker admin kafka-ui command-api projectors query-api auth-api orchestrator; do
    printf '  user_%s="%s"\n' "$user" "$(cat "kafka-$user")"
  done
  echo '  ;'
  echo '};'
} | keep kafka-jaas.conf
login() { # user
  printf 'org.apache.kafka.common.security.plain.PlainLoginModule required username="%s" password="%s";' "$1" "$(cat "kafka-$1")"
}
{
  echo 'security.protocol=SASL_PLAINTEXT'
  echo 'sasl.mechanism=PLAIN'
  echo "sasl.jaas.config=$(login admin)"
} | keep kafka-admin.properties
{
  echo 'kafka.clusters:'
  echo '  - properties:'
  echo '      security.protocol: SASL_PLAINTEXT'
  echo '      sasl.mechanism: PLAIN'
  echo "      sasl.jaas.config: '$(login kafka-ui)'"
} | keep kafka-ui.yml
for role in command-api projectors query-api auth-api orchestrator; do
  {
    echo '[log.kafka_properties]'
    echo '"security.protocol" = "sasl_plaintext"'
    echo '"sasl.mechanism" = "PLAIN"'
    printf '"sasl.username" = "%s"\n' "$role"
    printf '"sasl.password" = "%s"\n' "$(cat "kafka-$role")"
    echo
    echo '[read_model]'
    printf 'postgres_url = "postgres://sarangbang:%s@postgres-timeline/timeline"\n' "$(cat postgres-timeline)"
    [ "$role" != auth-api ] || printf '\n[auth]\npostgres_url = "postgres://sarangbang:%s@postgres-auth/auth"\n' "$(cat postgres-auth)"
    [ "$role" != orchestrator ] || printf '\n[sagas]\npostgres_url = "postgres://sarangbang:%s@postgres-timeline/timeline"\n' "$(cat postgres-timeline)"
  } | keep "$role.toml"
done
# Not secret: who runs the processes that read these files. Root is not taken for it: the files are then given to 10001.
owner=$(id -u):$(id -g)
if [ "$(id -u)" = 0 ]; then
  owner=10001:10001
  chown 10001:10001 ./*.toml sealing-key service-secret
fi
printf 'SARANGBANG_USER=%s\n' "$owner" | keep env
# Read by containers whose user is another one; the folder itself is open to its owner alone.
chmod 0444 postgres-auth postgres-timeline elastic kibana grafana kafka-jaas.conf kafka-admin.properties kafka-ui.yml
echo "secrets are in $PWD"
