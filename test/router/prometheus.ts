// Reads Prometheus' text format (version 0.0.4) and insists on what its documentation asks for and scrapers rely on:
// HELP, then TYPE, then all samples of a metric together; no series twice; histograms that add up.

export interface Family {
  type: string;
  help: string;
  /** By name and labels as they stand: coscanet_nodes{state="up"}. */
  samples: Map<string, number>;
}

const NAME = /^[a-z][a-z0-9_]*$/;
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (-?[0-9.eE+-]+|\+Inf|-Inf|NaN)$/;
const LABELS = /^(?:[a-z][a-z0-9_]*="(?:[^"\\\n]|\\["\\n])*")(?:,[a-z][a-z0-9_]*="(?:[^"\\\n]|\\["\\n])*")*$/;

function fail(line: string, why: string): never {
  throw new Error(`${why}: ${line}`);
}

/** The family that a sample belongs to. */
function familyName(name: string, type: string): string {
  return type === 'histogram' ? name.replace(/_(bucket|sum|count)$/, '') : name;
}

function checkHistogram(name: string, {samples}: Family): void {
  const buckets = [...samples].filter(([series]) => series.startsWith(`${name}_bucket`));
  const counts = buckets.map(([, count]) => count);
  if (counts.some((count, n) => n > 0 && count < (counts[n - 1] ?? 0)))
    fail(name, 'buckets are not cumulative');
  if (!buckets.at(-1)?.[0].includes('le="+Inf"')) fail(name, 'the last bucket is not +Inf');
  if (counts.at(-1) !== samples.get(`${name}_count`)) fail(name, 'count and buckets differ');
  if (!samples.has(`${name}_sum`)) fail(name, 'no sum');
}

function checkFamily(name: string, family: Family): void {
  if (!NAME.test(name)) fail(name, 'not a good name');
  if (family.help === '') fail(name, 'no help');
  if ((family.type === 'counter') !== name.endsWith('_total'))
    fail(name, '_total is for counters, and all of them');
  if (family.type === 'histogram') checkHistogram(name, family);
  for (const [series, value] of family.samples) {
    if (Number.isNaN(value)) fail(series, 'no number');
    if (family.type !== 'gauge' && value < 0) fail(series, 'less than nothing');
  }
}

/** Families by name. Throws an Error that names the line. */
export function parseMetrics(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, Family>();
  let current = '';
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue;
    const comment = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line);
    if (comment) {
      const [, kind, name = '', rest = ''] = comment;
      if (kind === 'HELP') {
        if (families.has(name)) fail(line, 'twice');
        families.set(name, {type: '', help: rest, samples: new Map()});
        current = name;
        continue;
      }
      const family = families.get(name);
      if (name !== current || !family || family.type !== '' || family.samples.size > 0)
        fail(line, 'out of place');
      if (!['counter', 'gauge', 'histogram'].includes(rest)) fail(line, 'no such type');
      family.type = rest;
      continue;
    }
    const sample = SAMPLE.exec(line) ?? fail(line, 'not a sample');
    const [, name = '', labels, value] = sample;
    const family = families.get(current);
    if (!family || family.type === '' || familyName(name, family.type) !== current)
      fail(line, 'out of place');
    if (labels !== undefined && !LABELS.test(labels)) fail(line, 'labels');
    const series = labels === undefined ? name : `${name}{${labels}}`;
    if (family.samples.has(series)) fail(line, 'twice');
    family.samples.set(series, value === '+Inf' ? Infinity : Number(value));
  }
  for (const [name, family] of families) checkFamily(name, family);
  return families;
}

/** All samples of all families. */
export function samplesOf(text: string): Map<string, number> {
  return new Map([...parseMetrics(text).values()].flatMap(({samples}) => [...samples]));
}
