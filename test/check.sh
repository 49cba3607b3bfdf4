#!/usr/bin/env bash
# Looks at the sources without running them: format, lint, types, direction of imports. Runs all checks, says
# which failed, and ends with status 1 if one did. With --fix it first formats what a tool can format.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
PATH=$PWD/node_modules/.bin:$PATH

case ${1-} in
  '') fix= ;;
  --fix) fix=yes ;;
  *)
    echo 'usage: test/check.sh [--fix]' >&2
    exit 2
    ;;
esac

# Files of the repository with these endings, the new ones that git does not know yet too.
sources() { git ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do [ ! -f "$f" ] || echo "$f"; done; }
mapfile -t native < <(sources '*.c' '*.h' '*.cc')
mapfile -t units < <(sources '*.c' '*.cc')
mapfile -t scripts < <(
  sources '*.sh' '.ci/run'
  sources '*/bin/*' | xargs -r grep -lE '^#!/.*\b(ba)?sh$'
)

if [ -n "$fix" ]; then
  prettier --write --log-level warn .
  clang-format-14 -i "${native[@]}"
  shfmt -w -i 2 -ci "${scripts[@]}"
fi

failed=()
check() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then return; fi
  failed+=("$name")
  printf -- '--- %s\n%s\n' "$name" "$output"
}

check 'TypeScript' tsc -b
check 'import directions' node build/js/test/check-imports.js
check 'walks in READMEs' node build/js/test/check-walks.js
check 'oxlint' oxlint --type-aware --deny-warnings
check 'prettier' prettier --check --log-level warn .
check 'clang-format' clang-format-14 --dry-run -Werror "${native[@]}"
# It takes a returned descriptor for a leaked one, and a base that is initialized as an aggregate for one that is not:
# hence the suppressions.
check 'cppcheck' cppcheck --quiet --enable=warning --inline-suppr --suppress=resourceLeak --suppress=uninitDerivedMemberVar --error-exitcode=1 -j2 \
  -I addon/src "${units[@]}"
check 'shellcheck' shellcheck -x "${scripts[@]}"
check 'shfmt' shfmt -d -i 2 -ci "${scripts[@]}"

if [ ${#failed[@]} -gt 0 ]; then
  echo "check: failed: $(printf '%s, ' "${failed[@]}" | sed 's/, $//')"
  exit 1
fi
echo 'check: format, lint, types, import directions and walks are in order'
