// The segment as a file: what is adopted and what is made anew, what a snapshot refuses, and that a refusal
// changes nothing.

import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import type {ExecutionContext} from 'ava';
import {native} from '../../addon/index.ts';
import type {Policy, Segment, SegmentLimits} from '../../addon/router.ts';
import {IMPORTED} from '../packets/flow-imports.ts';
import {POLICY, endpoint, withRing} from '../packets/world.ts';

const LIMITS: Partial<SegmentLimits> = {
  flows: 64,
  affinities: 64,
  endpoints: 8,
  services: 8,
  ringSlots: 16,
  vips: 4,
  blocks: 4,
  registryBytes: 32,
};
const BLOB = Buffer.from('{"nodes": 3}');
// Offsets in SegmentHeader (addon/src/core/segment.h).
const VERSION_AT = 8;
const BOOT_ID_AT = 24;

const folder = mkdtempSync(path.join(tmpdir(), 'coscanet-segment-'));
test.after.always(() => rmSync(folder, {recursive: true}));
let files = 0;

function newPath(): string {
  files += 1;
  return path.join(folder, `segment-${files}`);
}

const open = (file: string, limits = LIMITS): Segment => native.openSegment(file, limits);

/** A file that has been used: something published, then closed. */
function usedFile(): string {
  const file = newPath();
  const segment = open(file);
  segment.publish(POLICY, BLOB);
  segment.close();
  return file;
}

function overwrite(file: string, at: number, bytes: Uint8Array): void {
  const fd = openSync(file, 'r+');
  writeSync(fd, bytes, 0, bytes.length, at);
  closeSync(fd);
}

function madeAnew(t: ExecutionContext, file: string, limits = LIMITS): void {
  const segment = open(file, limits);
  t.false(segment.adopted);
  t.is(segment.generation, 0);
  t.is(segment.registry(), null);
  t.is(segment.publish(POLICY, BLOB), 1);
  segment.close();
  t.true(open(file, limits).adopted, 'from now on it fits');
}

test('a new file', (t) => {
  const file = newPath();
  const segment = open(file);
  t.false(segment.adopted);
  t.is(segment.generation, 0);
  t.is(segment.registry(), null);
  t.deepEqual(segment.limits, {...LIMITS, forwarders: 16} as SegmentLimits);
  t.deepEqual(segment.flows(), []);
  t.deepEqual(segment.flowsPerEndpoint(), {});
  t.deepEqual(segment.expiring(1000, 1000), []);
  t.deepEqual(segment.newFlows(), {});
  t.true(Object.values(segment.counters()).every((value) => value === 0));
  t.is(segment.forwarders().length, 16);
  t.is(statSync(file).mode & 0o777, 0o600);
  t.deepEqual(
    readdirSync(folder).filter((name) => name.endsWith('.new')),
    [],
  );
});

test('a used file is adopted with its generation and registry', (t) => {
  const segment = open(usedFile());
  t.true(segment.adopted);
  t.is(segment.generation, 1);
  t.deepEqual(segment.registry(), BLOB);
  t.is(segment.publish(withRing(['node2']), Buffer.from('2')), 2);
  t.is(segment.generation, 2);
  t.is(segment.registry()!.toString(), '2');
});

test('the registry may be of any bytes, none and as many as there is room for', (t) => {
  const segment = open(newPath());
  for (const blob of [Buffer.alloc(0), Buffer.from([0, 255, 0]), Buffer.alloc(32, 7), new Uint8Array([1])]) {
    segment.publish(POLICY, blob);
    t.deepEqual(segment.registry(), Buffer.from(blob));
  }
});

test('hundreds of snapshots, one after the other', (t) => {
  const segment = open(newPath());
  for (let generation = 1; generation <= 300; generation += 1)
    t.is(segment.publish(POLICY, Buffer.from(String(generation))), generation);
  t.is(segment.registry()!.toString(), '300');
});

test('two openings of one file see each other', (t) => {
  const file = newPath();
  const one = open(file);
  const two = open(file);
  t.true(two.adopted);
  one.publish(POLICY, BLOB);
  t.is(two.generation, 1);
  t.deepEqual(two.registry(), BLOB);
});

test('what was imported outlives the supervisor that did it', (t) => {
  const file = usedFile();
  const segment = open(file);
  t.deepEqual(segment.importFlows([IMPORTED]), ['made']);
  segment.close();
  const next = open(file);
  t.true(next.adopted);
  t.is(next.flows()[0]?.clientPort, IMPORTED.clientPort);
  t.deepEqual(next.flowsPerEndpoint(), {'1:1': 1});
  t.deepEqual(next.flowsPerEndpoint(0), {'1:1': 1});
  t.throws(() => next.flowsPerEndpoint(-1), {message: /quietSeconds/});
  t.deepEqual(next.importFlows([IMPORTED, {...IMPORTED, endpointSlot: 0}]), ['kept', 'held']);
  t.is(next.expiring(IMPORTED.timeout, 10).length, 1);
});

test('another version is made anew', (t) => {
  const file = usedFile();
  overwrite(file, VERSION_AT, new Uint8Array([99]));
  madeAnew(t, file);
});

test('another boot is made anew', (t) => {
  const file = usedFile();
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  t.is(readFileSync(file).toString('latin1', BOOT_ID_AT, BOOT_ID_AT + bootId.length), bootId);
  overwrite(file, BOOT_ID_AT, Buffer.from('0'.repeat(8)));
  madeAnew(t, file);
});

test('other limits are made anew', (t) => {
  for (const [name, value] of Object.entries({
    flows: 128,
    affinities: 128,
    endpoints: 9,
    services: 9,
    ringSlots: 17,
    vips: 5,
    forwarders: 4,
  }))
    madeAnew(t, usedFile(), {...LIMITS, [name]: value});
});

test('a cut, a lengthened, an empty and a foreign file are made anew', (t) => {
  for (const length of [0, 10, 200, 4096]) {
    const file = usedFile();
    truncateSync(file, length);
    madeAnew(t, file);
  }
  const long = usedFile();
  truncateSync(long, statSync(long).size + 4096);
  madeAnew(t, long);
  const foreign = newPath();
  writeFileSync(foreign, 'not ours '.repeat(10_000));
  madeAnew(t, foreign);
});

test('who still has the old file keeps it', (t) => {
  const file = usedFile();
  const old = open(file);
  const other = open(file, {...LIMITS, flows: 128});
  t.false(other.adopted);
  t.deepEqual(old.registry(), BLOB);
  t.is(old.publish(POLICY, BLOB), 2);
  t.is(other.generation, 0);
});

test('a path that cannot be', (t) => {
  t.throws(() => open(path.join(folder, 'no', 'such', 'folder')), {
    code: 'ENOENT',
    message: /no\/such\/folder/,
  });
  t.throws(() => open(folder), {code: 'EISDIR'});
});

test('limits that cannot be', (t) => {
  const wrong: Partial<Record<keyof SegmentLimits, unknown>>[] = [
    {flows: 0},
    {affinities: 0},
    {affinities: 100},
    {flows: 4},
    {flows: 100},
    {flows: -1},
    {flows: 2 ** 32},
    {flows: '64'},
    {endpoints: 65537},
    {services: 65537},
    {forwarders: 17},
    {vips: 1.5},
    {vips: 2 ** 31},
    {ringSlots: 2 ** 31},
    {registryBytes: 2 ** 32 - 1},
  ];
  for (const change of wrong) {
    const file = newPath();
    t.throws(
      () => open(file, {...LIMITS, ...change} as Partial<SegmentLimits>),
      {instanceOf: TypeError},
      JSON.stringify(change),
    );
    t.throws(() => statSync(file), {code: 'ENOENT'});
  }
});

test('after close() nothing goes, and nothing breaks', (t) => {
  const segment = open(newPath());
  segment.close();
  segment.close();
  t.throws(() => segment.publish(POLICY, BLOB), {message: /closed/});
  t.throws(() => segment.counters(), {message: /closed/});
  t.throws(() => segment.flows(), {message: /closed/});
  t.throws(() => segment.forwarders(), {message: /closed/});
  t.throws(() => segment.importFlows([IMPORTED]), {message: /closed/});
  t.throws(() => segment.expiring(1, 1), {message: /closed/});
  t.throws(() => segment.newFlows(), {message: /closed/});
  t.throws(() => segment.clearForwarder(0), {message: /closed/});
});

// What publish() refuses.

const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({length: count}, (_, i) => make(i));
const vip = (index: number) => ({address: `10.77.1.${index}`, active: true});
const service = (index: number) => ({...POLICY.services[0]!, slot: index, port: 1000 + index, ring: []});
const [web] = POLICY.services;
const [external] = POLICY.interfaces;

const REFUSED: [string, unknown][] = [
  ['no policy', undefined],
  ['a list missing', {...POLICY, vips: undefined}],
  ['a list that is none', {...POLICY, services: {}}],
  ['a list of nothing', {...POLICY, vips: [null]}],
  ['interfaces of nothing', {...POLICY, interfaces: [null]}],
  ['endpoints of nothing', {...POLICY, endpoints: [undefined]}],
  ['services of nothing', {...POLICY, services: [null]}],
  ['a service without ring', {...POLICY, services: [{...web, ring: undefined}]}],
  ['a service without time-outs', {...POLICY, services: [{...web, timeouts: undefined}]}],
  [
    'time-outs without one of them',
    {...POLICY, services: [{...web, timeouts: {syn: 1, established: 2, closing: 3}}]},
  ],
  ['four interfaces', {...POLICY, interfaces: many(4, () => external)}],
  ['an interface of no role', {...POLICY, interfaces: [{...external, role: 'outside'}]}],
  ['an interface with a wrong MAC', {...POLICY, interfaces: [{...external, mac: '02:77:00:00:00'}]}],
  ['a MAC with more behind it', {...POLICY, interfaces: [{...external, mac: '02:77:00:00:00:01:02'}]}],
  ['a wait for imports that is no truth', {...POLICY, awaitImports: 1}],
  ['the same VIP twice', {...POLICY, vips: [vip(1), vip(1)]}],
  ['too many VIPs', {...POLICY, vips: many(5, vip)}],
  ['a VIP that is no address', {...POLICY, vips: [{address: '10.77.0.256', active: true}]}],
  ['a VIP of IPv6', {...POLICY, vips: [{address: 'fd00::1', active: true}]}],
  ['an endpoint slot twice', {...POLICY, endpoints: [endpoint('node1'), endpoint('node1')]}],
  [
    'an endpoint slot beyond the table',
    {...POLICY, endpoints: [...POLICY.endpoints, endpoint('node1', {slot: 8})]},
  ],
  [
    'a generation of more than 16 bits',
    {...POLICY, endpoints: [endpoint('node1', {generation: 65536})], services: []},
  ],
  ['an egress that is no interface', {...POLICY, endpoints: [endpoint('node1', {egress: 3})], services: []}],
  ['an egress of a side that is absent', {...POLICY, interfaces: [external], services: []}],
  ['the same service twice', {...POLICY, services: [web, {...web, slot: 1}]}],
  ['too many services', {...POLICY, services: many(9, (index) => service(index % 8))}],
  ['a service slot beyond the table', {...POLICY, services: [service(8)]}],
  ['a port of more than 16 bits', {...POLICY, services: [{...web, port: 65536}]}],
  ['a protocol that is none of ours', {...POLICY, services: [{...web, protocol: 'sctp'}]}],
  ['a ring of an endpoint that is not there', {...POLICY, services: [{...web, ring: [0, 5]}]}],
  ['a ring of an endpoint beyond the table', {...POLICY, services: [{...web, ring: [8]}]}],
  ['a ring longer than there is room for', {...POLICY, services: [{...web, ring: many(17, () => 0)}]}],
  ['a negative slot in a ring', {...POLICY, services: [{...web, ring: [-1]}]}],
];

for (const [what, policy] of REFUSED)
  test(`publish refuses ${what}, and the snapshot in force stays`, (t) => {
    const segment = open(newPath());
    segment.publish(POLICY, BLOB);
    t.throws(() => segment.publish(policy as Policy, Buffer.from('new')), {instanceOf: TypeError});
    t.is(segment.generation, 1);
    t.deepEqual(segment.registry(), BLOB);
    t.is(segment.publish(POLICY, BLOB), 2, 'it can go on');
  });

test('publish refuses a registry that is too long or none', (t) => {
  const segment = open(newPath());
  segment.publish(POLICY, BLOB);
  t.throws(() => segment.publish(POLICY, Buffer.alloc(33)), {instanceOf: TypeError});
  t.throws(() => segment.publish(POLICY, 'text' as unknown as Uint8Array), {instanceOf: TypeError});
  t.is(segment.generation, 1);
  t.deepEqual(segment.registry(), BLOB);
});

test('one service’s two ports of the same number, TCP and UDP', (t) => {
  const segment = open(newPath());
  t.is(segment.publish({...POLICY, services: [web!, {...web!, slot: 1, protocol: 'udp'}]}, BLOB), 1);
});

test('a lock file is held until its holder ends', (t) => {
  const file = newPath();
  t.true(native.lockFile(file));
  t.false(native.lockFile(file), 'by another opening of the same process neither');
  t.throws(() => native.lockFile(path.join(folder, 'no', 'lock')), {code: 'ENOENT'});
});

test('the start time tells a process from another', (t) => {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  t.is(native.processStartTime(process.pid), Number(fields[19]));
  t.is(native.processStartTime(2 ** 22 + 1), 0);
});

test('a forwarder needs a segment and one to three sockets', (t) => {
  const segment = open(newPath());
  const start = (change: object) =>
    native.startForwarder({segmentDescriptor: segment.descriptor, index: 0, descriptors: [0], ...change});
  t.throws(() => start({descriptors: []}), {instanceOf: TypeError});
  t.throws(() => start({descriptors: [0, 0, 0, 0]}), {instanceOf: TypeError});
  t.throws(() => start({index: 16}), {instanceOf: TypeError});
  const fd = openSync('/dev/null', 'r+');
  t.throws(() => start({segmentDescriptor: fd}), {code: 'EINVAL'});
  closeSync(fd);
});
