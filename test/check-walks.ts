// The READMEs walk a bind and a packet through the code by the functions' names. Each name must exist: a walk that
// names a function that is not there misleads. support/walks.ts says what a walk is.
//
// Prints one line per name that does not exist, or per README without its walk; status 1 if there is one.

import {readFileSync} from 'node:fs';
import path from 'node:path';
import {filesBelow, root} from './support/source-files.ts';
import {faultOf, namesIn, walksOf} from './support/walks.ts';

/** READMEs that must have a walk, and how many names it has at least. */
const WALKS: Record<string, number> = {
  'addon/README.md': 15,
  'router/README.md': 10,
  'shim/README.md': 5,
};
const sources = new Map(
  ['addon', 'router', 'shim']
    .flatMap((part) => filesBelow(part, /\.(ts|c|h|cc)$/))
    .map((file) => [file, readFileSync(path.join(root, file), 'utf8')]),
);

const problems: string[] = [];
for (const [readme, least] of Object.entries(WALKS)) {
  const folder = path.dirname(readme);
  const names = walksOf(readFileSync(path.join(root, readme), 'utf8')).flatMap(namesIn);
  if (names.length < least)
    problems.push(`${readme}: its walks name ${names.length} functions; ${least} at least`);
  for (const name of names) {
    const why = faultOf(name, folder, sources);
    if (why !== null) problems.push(`${readme}: \`${name}\`: ${why}`);
  }
}
for (const line of problems) console.log(line);
process.exitCode = problems.length === 0 ? 0 : 1;
