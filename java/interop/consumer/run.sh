#!/usr/bin/env bash
# Publishes the artifacts into a folder, as a repository would have them, and builds and runs a program that
# has nothing of this tree but them, with empty caches: what somebody sees who adds the dependency.
# Arguments go to Maven. JDKS names more Java homes to run the program with, with spaces between.
set -euo pipefail
cd "$(dirname "$0")/../../.."
work=$PWD/target/consumer
rm -rf "$work"
mkdir -p "$work"
mvn -B -ntp -q -DskipTests "$@" deploy -DaltDeploymentRepository="folder::file://$work/repository"
# Third parties come from where Maven keeps them; ours are not among them.
repository=${MAVEN_REPOSITORY:-$HOME/.m2/repository}
if [ -d "$repository" ]; then
  cp -al "$repository" "$work/maven" 2> /dev/null || { rm -rf "$work/maven" && cp -r "$repository" "$work/maven"; }
fi
rm -rf "$work/maven/org/equipoise"
cp -r java/interop/consumer "$work/program"
cd "$work/program"
started=$(date +%s)
mvn -B -ntp -q "$@" -Dmaven.repo.local="$work/maven" -Dequipoise.repository="file://$work/repository" \
  -Dcache="$work/cache" compile exec:exec
echo "first result $(($(date +%s) - started)) s after adding the dependency"
for home in ${JDKS:-}; do
  "$home/bin/java" -version 2>&1 | head -1
  mvn -B -ntp -q "$@" -Dmaven.repo.local="$work/maven" -Dequipoise.repository="file://$work/repository" \
    -Dcache="$work/cache" -Djava="$home/bin/java" exec:exec
done
ls -l "$work/repository/org/equipoise"/*/*/*.jar | awk '{printf "%9.2f MB  %s\n", $5 / 1e6, $NF}' | sed 's#/.*/##'
