// Requests one after the other on one connection, to a node's own address and to the virtual IP, in turns: what
// does the way through the router cost?
//
//   client ── wrk, 1 connection ──┬── 10.77.0.11:8080  nginx on node1, not under the preload library
//                                 └── 10.77.0.100:80   nginx on node1, an instance of web (one forwarder, DSR)

import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {Bed} from './bed.ts';
import {show, spread} from './statistics.ts';
import type {Spread} from './statistics.ts';
import {WebFiles} from './web-server.ts';
import {parseWrk} from './wrk.ts';
import type {WrkReport} from './wrk.ts';

const DIRECT = '10.77.0.11:8080';
const VIP = '10.77.0.100:80';
const WARM_UP_SECONDS = 1;

export interface SequenceOptions {
  /** Bytes of each answer. */
  size: number;
  rounds: number;
  seconds: number;
  /** Of topology/up.sh, such as "1gbit"; null: the links are not shaped. */
  rate: string | null;
  /** The router's spin-microseconds. */
  spin: number;
}

export interface SequenceResult {
  options: SequenceOptions;
  /** Microseconds for one request. */
  direct: Spread;
  vip: Spread;
  /** Microseconds that the virtual IP adds: of the mean, the median and the 99th percentile of each round. */
  added: Spread;
  addedMedian: Spread;
  addedP99: Spread;
  /** Time by the virtual IP over time direct, round by round. */
  ratio: Spread;
}

async function load(bed: Bed, target: string, size: number, seconds: number): Promise<WrkReport> {
  const args = ['-t1', '-c1', `-d${seconds}s`, '--latency', `http://${target}/${size}`];
  return parseWrk(await bed.in('client', 'wrk', ...args));
}

async function measure(bed: Bed, options: SequenceOptions): Promise<SequenceResult> {
  const {size, rounds, seconds} = options;
  const direct: WrkReport[] = [];
  const vip: WrkReport[] = [];
  for (const target of [DIRECT, VIP]) await load(bed, target, size, WARM_UP_SECONDS);
  for (let round = 0; round < rounds; round++) {
    const order: [string, WrkReport[]][] = [
      [DIRECT, direct],
      [VIP, vip],
    ];
    for (const [target, reports] of round % 2 ? order.reverse() : order)
      reports.push(await load(bed, target, size, seconds));
  }
  const time = (report: WrkReport) => 1e6 / report.requestsPerSecond;
  const pairs = (value: (v: WrkReport, d: WrkReport) => number) =>
    spread(vip.map((report, round) => value(report, direct[round] ?? report)));
  return {
    options,
    direct: spread(direct.map(time)),
    vip: spread(vip.map(time)),
    added: pairs((v, d) => time(v) - time(d)),
    addedMedian: pairs((v, d) => v.median - d.median),
    addedP99: pairs((v, d) => v.p99 - d.p99),
    ratio: pairs((v, d) => time(v) / time(d)),
  };
}

function routerConfig(folder: string, spin: number): string {
  const path = join(folder, 'router.yaml');
  writeFileSync(
    path,
    `spin-microseconds: ${spin}
applications:
  - {name: web, vips: [10.77.0.100], ports: [80/tcp]}
`,
  );
  return path;
}

export async function sequence(options: SequenceOptions): Promise<SequenceResult> {
  const files = new WebFiles([options.size]);
  const config = routerConfig(files.folder, options.spin);
  const rate = options.rate === null ? [] : ['--rate', options.rate];
  try {
    const bed = await Bed.up(['--nodes', '1', '--forwarders', '1', '--config', config, ...rate]);
    try {
      bed.start('node1', ...files.nginx(DIRECT));
      bed.instance('node1', 'web', ...files.nginx('80'));
      for (const target of [DIRECT, VIP]) await bed.answers(`http://${target}/${options.size}`);
      return await measure(bed, options);
    } finally {
      await bed.down();
    }
  } finally {
    files.remove();
  }
}

export function sequenceTable(results: readonly SequenceResult[]): string {
  const rows = results.map(({options, direct, vip, added, addedMedian, addedP99, ratio}) =>
    [
      options.rate ?? 'not shaped',
      `${options.spin} µs`,
      show(direct, 1),
      show(vip, 1),
      show(added, 1),
      show(addedMedian, 1),
      show(addedP99, 1),
      show(ratio, 3),
    ].join(' | '),
  );
  return [
    'links | spin | direct, µs | virtual IP, µs | added, µs | added to the median | added to p99 | ratio',
    '--- | --- | --- | --- | --- | --- | --- | ---',
    ...rows,
  ]
    .map((row) => `| ${row} |`)
    .join('\n');
}
