// What a test file needs beyond a built tree, which its name or its place says: nothing else keeps a list of files.

import {readdirSync, statSync} from 'node:fs';
import path from 'node:path';

export const TIERS = ['unit', 'root', 'alone', 'tsan'] as const;
/**
 * unit: nothing, side by side with others. root: namespaces, cgroups, packet sockets. alone: these, and a machine that
 * nothing else keeps busy, for it measures time or compares the whole machine. tsan: the native parts with that
 * sanitizer.
 */
export type Tier = (typeof TIERS)[number];

/** Of `x.unit-of-something.test.ts`: what stands before ".test.ts"; of network/ everything needs root. */
export function tierOf(file: string): Tier {
  const named = /\.(\w+)\.test\.ts$/.exec(file)?.[1];
  const tier = TIERS.find((one) => one === named);
  if (tier !== undefined) return tier;
  return file.startsWith('test/network/') ? 'root' : 'unit';
}

/**
 * The test files in a file or folder of the sources: a compiled test whose source is gone is never run. With a tier the
 * files of that tier alone.
 */
export function testFiles(root: string, source: string, tier?: Tier): string[] {
  const files = statSync(path.join(root, source)).isDirectory()
    ? readdirSync(path.join(root, source), {recursive: true, encoding: 'utf8'})
        .filter((file) => file.endsWith('.test.ts'))
        .map((file) => path.join(source, file))
        .sort()
    : [path.normalize(source)];
  return files.filter((file) => tier === undefined || tierOf(file) === tier);
}
