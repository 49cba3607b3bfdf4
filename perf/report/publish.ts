// Results into the README: each table stands between two markers, each figure beside its result in perf/results.

import {copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {resultPath} from '../bench.ts';
import type {Case} from '../bench.ts';
import {draw} from './figure.ts';
import {resultSchema} from './result.ts';
import type {Result} from './result.ts';

const perf = fileURLToPath(new URL('../../../../perf/', import.meta.url));

export function readResult(path: string): Result {
  return resultSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
}

/** `text` with what stands between the markers of `name` replaced; throws if they are not there. */
export function replaceBetweenMarkers(text: string, name: string, content: string): string {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`the README has no place for ${name}: ${begin} … ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${text.slice(to)}`;
}

/** How a result came about, in one line. */
export function provenance(result: Result): string {
  const {machine, commit, changed, parameters} = result;
  const given = Object.entries(parameters).map(([name, value]) => `${name} ${value}`);
  return [
    `Linux ${machine.kernel}, ${machine.cores} cores of ${machine.cpu}`,
    `Node ${machine.node}`,
    `commit ${commit.slice(0, 10)}${changed.length > 0 ? ' with changes' : ''}`,
    result.date.slice(0, 10),
    `load before ${result.loadBefore.toFixed(1)}`,
    ...(result.quick ? ['a quick run'] : []),
    ...given,
  ].join('; ');
}

/** Takes the results of `cases` in `out`, as far as there are any, into perf/. */
export async function publish(cases: readonly Case[], out: string): Promise<void> {
  const folder = join(perf, 'results');
  mkdirSync(folder, {recursive: true});
  const readme = join(perf, 'README.md');
  let text = readFileSync(readme, 'utf8');
  for (const one of cases) {
    const path = resultPath(out, one.name);
    if (!existsSync(path)) continue;
    const result = readResult(path);
    const figures = one.figures?.(result) ?? [];
    const shown = figures.map(({name}) => `![${one.title}](results/${name}.svg)`);
    const content = [one.table(result), ...shown, `${provenance(result)}.`].join('\n\n');
    text = replaceBetweenMarkers(text, one.name, content);
    copyFileSync(path, resultPath(folder, one.name));
    for (const figure of figures) await draw(figure, folder);
    console.log(`${one.name}: ${result.date}`);
  }
  writeFileSync(readme, text);
}
