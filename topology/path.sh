# Takes npm's folders off the path; sourced. `npm run` puts node_modules/.bin first, and a package there brings
# another `nft`, which does nothing and succeeds.

# shellcheck shell=bash
PATH=$(tr ':' '\n' <<<"$PATH" | grep -v node_modules | paste -sd:)
