// What the kernel says of its tables, in a network namespace of its own that holds both ends of a cable:
//
//     eth0 10.77.0.1/24 ═════ peer0          rtnetlink-process.ts watches

import {fork} from 'node:child_process';
import type {ChildProcess} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import test from 'ava';
import type {KernelChange, KernelTables} from '../../addon/rtnetlink.ts';
import {Namespaces} from '../support/namespaces.ts';
import {waitUntil} from '../support/wait.ts';
import type {Request, Response, Tables, actions} from './rtnetlink-process.ts';

type Actions = typeof actions;
type Action = keyof Actions;

const net = new Namespaces<'host'>('kernel');
const MAC = '02:77:00:00:00:01';
const ALL: KernelTables = {links: true, addresses: true, routes: true, neighbors: true};

let child: ChildProcess;
let requests = 0;
const waiting = new Map<number, (response: Response) => void>();

async function ask<A extends Action>(action: A, ...args: Parameters<Actions[A]>) {
  const id = (requests += 1);
  const request: Request = {id, action, args};
  const response = await new Promise<Response>((resolve) => {
    waiting.set(id, resolve);
    child.send(request);
  });
  waiting.delete(id);
  if ('error' in response) throw new Error(response.error);
  return response.result as ReturnType<Actions[A]>;
}

test.before(async () => {
  await net.add('host');
  for (const conf of ['all', 'default'])
    await net.in('host', 'sysctl', '-qw', `net.ipv6.conf.${conf}.accept_dad=0`);
  const [execPath, ...execArgv] = net.inside('host', [process.execPath]);
  child = fork(fileURLToPath(new URL('rtnetlink-process.js', import.meta.url)), [], {
    execPath,
    execArgv,
    serialization: 'advanced',
  });
  child.on('message', (response: Response) => waiting.get(response.id)?.(response));
  child.on('exit', (status, signal) => {
    for (const [id, answer] of waiting) answer({id, error: `the process ended: ${signal ?? status}`});
  });
});
test.after.always(async () => {
  if (child.connected) {
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.disconnect();
    await ended;
  }
  await net.remove();
});
test.beforeEach(async () => {
  await ask('change', [
    `link add eth0 address ${MAC} type veth peer name peer0`,
    'link set lo up',
    'link set eth0 up',
    'link set peer0 up',
    'address add 10.77.0.1/24 dev eth0',
  ]);
  await waitUntil('a carrier', 5000, async () =>
    (await ask('dump')).links.every((link) => link.name === 'lo' || link.operState === 'up'),
  );
});
test.afterEach.always(async () => {
  await ask('close');
  const {links} = await ask('dump');
  await ask(
    'change',
    links.filter(({name}) => name.startsWith('eth')).map(({name}) => `link del ${name}`),
  );
});

/** Watches, changes by `lines`, and waits for a change that `is` it. */
async function changeOf<T>(tables: KernelTables, lines: string[], is: (change: KernelChange) => T | false) {
  await ask('watch', tables);
  await ask('change', lines);
  return await waitUntil(lines.join('; '), 5000, async () => {
    for (const change of await ask('heard')) {
      const found = is(change);
      if (found !== false) return found;
    }
    return false;
  });
}
const linkOf = async () => (await ask('dump')).links.find((link) => link.name.startsWith('eth'));

test.serial('an interface: down, up, MAC, MTU, another name', async (t) => {
  const {index} = (await linkOf())!;
  const base = {
    index,
    name: 'eth0',
    type: 'ether',
    mac: MAC,
    mtu: 1500,
    up: true,
    carrier: true,
    operState: 'up',
  };
  t.deepEqual(await linkOf(), base);
  const mac = '02:77:00:00:00:99';
  const cases: [string[], object][] = [
    [['link set eth0 down'], {name: 'eth0', up: false, carrier: false, operState: 'down'}],
    [['link set eth0 name eth9'], {name: 'eth9', up: false}],
    [[`link set eth9 address ${mac} mtu 1400`], {name: 'eth9', mac, mtu: 1400}],
    [
      ['link set eth9 name eth0 up'],
      {name: 'eth0', up: true, carrier: true, operState: 'up', mac, mtu: 1400},
    ],
    [['link set peer0 down'], {name: 'eth0', up: true, carrier: false}],
  ];
  for (const [lines, expected] of cases) {
    const link = await changeOf({links: true}, lines, (change) => {
      if (change.kind !== 'link' || change.link.index !== index) return false;
      const now = change.link as unknown as Record<string, unknown>;
      return Object.entries(expected).every(([key, value]) => now[key] === value) && change.link;
    });
    t.like(link, expected);
    t.deepEqual(await linkOf(), link);
  }
});

test.serial('an interface goes and one of its name comes: another number', async (t) => {
  const {index} = (await linkOf())!;
  await ask('watch', {links: true});
  await ask('change', ['link del eth0', 'link add eth0 type veth peer name peer0']);
  const [gone, come] = await waitUntil('both', 5000, async () => {
    const changes = (await ask('heard')).filter((one) => one.kind === 'link');
    const deleted = changes.find((one) => one.deleted && one.link.name === 'eth0');
    const added = changes.find((one) => !one.deleted && one.link.name === 'eth0' && one.link.index !== index);
    return deleted && added && [deleted.link.index, added.link.index];
  });
  t.is(gone, index);
  t.is((await linkOf())?.index, come);
  t.not(come, index);
});

test.serial('addresses of both families come and go', async (t) => {
  const {index} = (await linkOf())!;
  const v4 = {index, family: 4, address: '10.78.0.9', prefix: 24, scope: 'link', label: 'eth0:nine'};
  const v6 = {index, family: 6, address: 'fd00::9', prefix: 64, scope: 'global', label: null};
  const cases: [string, object][] = [
    ['10.78.0.9/24 dev eth0 scope link label eth0:nine', v4],
    ['fd00::9/64 dev eth0', v6],
    // Of the ends of a line, ours.
    [
      '10.1.0.1 peer 10.1.0.2/32 dev eth0',
      {...v4, address: '10.1.0.1', prefix: 32, scope: 'global', label: 'eth0'},
    ],
  ];
  for (const [words, expected] of cases)
    for (const [verb, deleted] of [
      ['add', false],
      ['del', true],
    ] as const) {
      const of = (address: {address: string}) =>
        'address' in expected && address.address === expected.address;
      const line = `address ${verb} ${words.replace(deleted ? / (scope|label).*/ : /$/, '')}`;
      const found = await changeOf(
        {addresses: true},
        [line],
        (change) =>
          change.kind === 'address' && change.deleted === deleted && of(change.address) && change.address,
      );
      t.deepEqual(found, expected as never, line);
      const known = (await ask('dump')).addresses.filter(of);
      t.deepEqual(known, deleted ? [] : [found]);
    }
});

test.serial(
  'IPv4 routes: added, replaced, by several next hops, by a gateway of another family, deleted',
  async (t) => {
    const base = {
      destination: '0.0.0.0',
      prefix: 0,
      table: 254,
      type: 'unicast',
      protocol: 3,
      metric: 0,
      scope: 'global',
      source: null,
    };
    const via = (gateway: string | null) => ({interface: 'eth0', gateway});
    const cases: [string, object, boolean][] = [
      ['add default via 10.77.0.254', {...base, hops: [via('10.77.0.254')]}, false],
      [
        'replace default via 10.77.0.253 src 10.77.0.1',
        {...base, source: '10.77.0.1', hops: [via('10.77.0.253')]},
        true,
      ],
      [
        'add 192.0.2.0/24 metric 5 nexthop via 10.77.0.2 nexthop via 10.77.0.3',
        {
          ...base,
          destination: '192.0.2.0',
          prefix: 24,
          metric: 5,
          hops: [via('10.77.0.2'), via('10.77.0.3')],
        },
        false,
      ],
      [
        'add 198.51.100.0/24 via inet6 fe80::1 dev eth0',
        {...base, destination: '198.51.100.0', prefix: 24, hops: [via(null)]},
        false,
      ],
      [
        'add unreachable 203.0.113.0/24',
        {...base, destination: '203.0.113.0', prefix: 24, type: 'unreachable', hops: []},
        false,
      ],
      [
        'add 10.9.0.0/16 dev eth0 table 7000 proto 74',
        {
          ...base,
          destination: '10.9.0.0',
          prefix: 16,
          table: 7000,
          protocol: 74,
          scope: 'link',
          hops: [via(null)],
        },
        false,
      ],
    ];
    const routeOf = (words: string, isDeleted: boolean) =>
      changeOf(
        {routes: true},
        [`route ${words}`],
        (change) => change.kind === 'route' && change.deleted === isDeleted && change,
      );
    for (const [words, expected, replaced] of cases) {
      const {route, replaced: isReplaced} = await routeOf(words, false);
      t.deepEqual(route, expected as never, words);
      t.is(isReplaced, replaced, words);
      const {routes} = await ask('dump');
      t.deepEqual(
        routes.filter((one) => one.destination === route.destination && one.prefix === route.prefix),
        route.table === 254 ? [route] : [],
      );
    }
    t.is((await routeOf('del unreachable 203.0.113.0/24', true)).route.destination, '203.0.113.0');
  },
);

test.serial(
  'routes by an interface that is put down are gone, also when the kernel does not say so',
  async (t) => {
    await ask('change', ['route add default via 10.77.0.254']);
    t.is((await ask('dump')).routes.length, 2);
    await changeOf(
      {links: true},
      ['link set eth0 down'],
      (change) => change.kind === 'link' && !change.link.up,
    );
    t.deepEqual((await ask('dump')).routes, []);
  },
);

test.serial('IPv4 rules: those of every host, and one of each kind of match', async (t) => {
  const all = {
    source: null,
    sourcePrefix: 0,
    destination: null,
    destinationPrefix: 0,
    input: null,
    protocol: 2,
  };
  const before = (await ask('dump')).rules;
  t.deepEqual(
    before,
    [
      [0, 255],
      [32_766, 254],
      [32_767, 253],
    ].map(([priority, table]) => ({...all, priority, table})) as never,
  );
  const words = 'from 192.0.2.0/24 to 10.0.0.1 iif lo lookup 7000 pref 5 protocol 74';
  await ask('change', [`rule add ${words}`]);
  t.deepEqual((await ask('dump')).rules[1], {
    priority: 5,
    table: 7000,
    source: '192.0.2.0',
    sourcePrefix: 24,
    destination: '10.0.0.1',
    destinationPrefix: 32,
    input: 'lo',
    protocol: 74,
  });
  await ask('change', [`rule del ${words}`]);
  t.deepEqual((await ask('dump')).rules, before);
});

test.serial('neighbors of both families: what is known of them', async (t) => {
  const {index} = (await linkOf())!;
  const base = {index, interface: 'eth0', family: 4, address: '10.77.0.11', mac: MAC, managed: false};
  const cases: [string, object, boolean][] = [
    [`add 10.77.0.11 lladdr ${MAC} nud reachable`, {...base, state: 'reachable'}, false],
    [`replace 10.77.0.11 lladdr ${MAC} nud permanent`, {...base, state: 'permanent'}, false],
    [`replace 10.77.0.11 lladdr ${MAC} nud stale`, {...base, state: 'stale'}, false],
    ['del 10.77.0.11', {...base, mac: null, state: 'failed'}, true],
    [
      `add fd00::11 lladdr ${MAC} nud noarp`,
      {...base, family: 6, address: 'fd00::11', state: 'noarp'},
      false,
    ],
  ];
  const {length} = (await ask('dump')).neighbors;
  for (const [words, expected, isDeleted] of cases) {
    const found = await changeOf(
      {neighbors: true},
      [`neigh ${words} dev eth0`],
      (change) => change.kind === 'neighbor' && change.deleted === isDeleted && change.neighbor,
    );
    t.deepEqual(found, expected as never, words);
    const {neighbors} = await ask('dump');
    if (isDeleted) t.is(neighbors.length, length);
    else
      t.true(
        neighbors.some((one) => JSON.stringify(one) === JSON.stringify(found)),
        words,
      );
  }
});

test.serial('a neighbor that the kernel manages: it asks by itself, and nobody answers', async (t) => {
  const failed = await changeOf(
    {neighbors: true},
    ['neigh replace 10.77.0.12 dev eth0 managed'],
    (change) => change.kind === 'neighbor' && change.neighbor.state === 'failed' && change.neighbor,
  );
  t.deepEqual(failed, {
    index: (await linkOf())!.index,
    interface: 'eth0',
    family: 4,
    address: '10.77.0.12',
    mac: null,
    state: 'failed',
    managed: true,
  });
});

test.serial('only what is asked for is heard, and nothing after the end', async (t) => {
  await ask('watch', {neighbors: true});
  await ask('change', ['link set eth0 mtu 1400', `neigh add 10.77.0.13 lladdr ${MAC} dev eth0`]);
  await waitUntil('the neighbor', 5000, async () => (await ask('heard')).length > 0);
  t.deepEqual(new Set((await ask('heard')).map((one) => one.kind)), new Set(['neighbor']));
  await ask('close');
  const {length} = await ask('heard');
  await ask('change', [`neigh add 10.77.0.14 lladdr ${MAC} dev eth0`]);
  await ask('dump');
  t.is((await ask('heard')).length, length);
});

const many = (count: number, words: string) =>
  Array.from(
    {length: count},
    (_, n) => `neigh ${words.replace('N', `10.77.${1 + (n >> 8)}.${n & 255}`)} dev eth0`,
  );

test.serial('too much at once: said, and what comes afterwards is heard', async (t) => {
  await ask('watch', {neighbors: true, receiveBytes: 4096});
  await ask('change', many(600, `add N lladdr ${MAC} nud stale`));
  await waitUntil('an overflow', 5000, () => ask('overflows').then((count) => count > 0));
  t.deepEqual(await ask('heard'), [], 'what was not lost is in the dump');
  const [first] = await ask('report');
  t.is(first?.overflow === true && first.tables.neighbors.filter((one) => one.state === 'stale').length, 600);
  await ask('change', [`neigh add 10.77.0.15 lladdr ${MAC} dev eth0`]);
  await waitUntil('the next one', 5000, async () =>
    (await ask('heard')).some((one) => one.kind === 'neighbor' && one.neighbor.address === '10.77.0.15'),
  );
  t.is(await ask('overflows'), 1);
});

type Known = Map<string, unknown>;
function entries({links, addresses, neighbors}: Tables): Known {
  const ethernet = neighbors.filter((one) => one.interface !== 'lo');
  return new Map<string, unknown>([
    ...links.map((one): [string, unknown] => [`link ${one.index}`, one]),
    ...addresses.map((one): [string, unknown] => [`address ${one.index} ${one.address}`, one]),
    ...ethernet.map((one): [string, unknown] => [`neighbor ${one.interface} ${one.address}`, one]),
  ]);
}
function apply(known: Known, change: KernelChange): void {
  const [key, value] =
    change.kind === 'link'
      ? [`link ${change.link.index}`, change.link]
      : change.kind === 'address'
        ? [`address ${change.address.index} ${change.address.address}`, change.address]
        : change.kind === 'neighbor'
          ? [`neighbor ${change.neighbor.interface} ${change.neighbor.address}`, change.neighbor]
          : ['', null];
  if (change.deleted) known.delete(key);
  else if (key !== '' && !key.startsWith('neighbor lo')) known.set(key, value);
}

for (const [title, receiveBytes] of [
  ['with room for all', 1 << 22],
  ['with overflows', 4096],
] as const)
  test.serial(`a first dump and the changes come to the last dump, ${title}`, async (t) => {
    await ask('watch', {...ALL, receiveBytes});
    let known = entries(await ask('dump'));
    for (let round = 0; round < 5; round++) {
      const n = 1 + round;
      await ask('change', [
        ...many(100, `replace N lladdr 02:00:00:00:00:0${n} nud stale`),
        `address add 10.77.0.2${n}/24 dev eth0`,
        `link set eth0 mtu ${1400 + n}`,
        ...many(60, `replace N lladdr 02:00:00:00:01:0${n} nud permanent`),
        ...(round === 3 ? many(30, 'del N') : []),
        ...(round === 4 ? ['address del 10.77.0.21/24 dev eth0', 'address del 10.77.0.23/24 dev eth0'] : []),
      ]);
    }
    await ask('change', [`neigh add 10.77.0.200 lladdr ${MAC} nud permanent dev eth0`]);
    const last = await waitUntil('the last one', 5000, async () => {
      const seen = await ask('report');
      const there = (tables: Tables) => tables.neighbors.some((one) => one.address === '10.77.0.200');
      return (
        seen.some((one) =>
          one.overflow
            ? there(one.tables)
            : one.change.kind === 'neighbor' && one.change.neighbor.address === '10.77.0.200',
        ) && seen
      );
    });
    t.is(
      last.some((one) => one.overflow),
      receiveBytes === 4096,
    );
    for (const one of last)
      if (one.overflow) known = entries(one.tables);
      else apply(known, one.change);
    t.deepEqual(Object.fromEntries(known), Object.fromEntries(entries(await ask('dump'))));
  });
