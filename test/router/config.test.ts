// The configuration: each mistake is named with file, line and what would be right; all of them at once.

import test from 'ava';
import {ConfigError} from '../../router/config/problem.ts';
import {differences} from '../../router/config/difference.ts';
import type {HostInterface} from '../../router/config/host.ts';
import {settle} from '../../router/config/settings.ts';
import type {Options, Settings} from '../../router/config/settings.ts';

const link = (name: string, address: string, more: Partial<HostInterface> = {}): HostInterface => ({
  name,
  index: 1,
  type: 'ether',
  mac: `02:00:00:00:00:0${name.at(-1)}`,
  mtu: 1500,
  up: true,
  carrier: true,
  operState: 'up',
  addresses: [{index: 1, family: 4, address, prefix: 24, scope: 'global', label: null}],
  ...more,
});
const links = [
  link('lo', '127.0.0.1', {type: 'loopback'}),
  link('eth0', '10.77.0.1'),
  link('eth1', '10.88.0.1'),
  link('eth2', '10.99.0.1', {up: false}),
  link('eth3', '10.99.1.1', {addresses: []}),
];

const good = `mode: dsr
interfaces: {external: eth0, internal: eth1}
control: {listen: 10.88.0.1:7400}
applications:
  - name: web
    tenant: acme
    vips: [10.77.0.100]
    ports: [80/tcp, 8000-8999/tcp, 53/udp]
  - name: mail
    vips: [10.77.0.100]
    ports: [25/tcp, 143/tcp]
`;

const load = (text: string, options: Options = {}): Settings =>
  settle('r.yaml', text, options, links, ['dsr', 'nat']);

function problems(text: string, options: Options = {}): string[] {
  try {
    load(text, options);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
}

test('a good file', (t) => {
  const settings = load(good);
  t.is(settings.listen.port, 7400);
  t.deepEqual(
    settings.interfaces.map((one) => [one.name, one.mac, one.network.address]),
    [
      ['eth0', '02:00:00:00:00:00', '10.77.0.1'],
      ['eth1', '02:00:00:00:00:01', '10.88.0.1'],
    ],
  );
  t.deepEqual(settings.applications[0]?.timeouts, {syn: 30, established: 8100, closing: 60, udp: 180});
  t.is(settings.applications[1]?.tenant, 'default');
});

test('VLANs: none, unless named; of both interfaces, and applied by a restart', (t) => {
  const vlans = (settings: Settings) => settings.interfaces.map((one) => one.vlans);
  t.deepEqual(vlans(load(good)), [[], []]);
  const tagged = load(good.replace('internal: eth1', 'internal: eth1, vlans: [10, 20]'));
  t.deepEqual(vlans(tagged), [
    [10, 20],
    [10, 20],
  ]);
  t.deepEqual(differences(load(good), tagged), ['! vlans: none → 10, 20: applied at the next restart']);
});

test('the command line beats the file, and completes one that has only applications', (t) => {
  const settings = load(good, {internal: 'eth0', control: '10.77.0.1:7500', forwarders: '3'});
  t.deepEqual(
    settings.interfaces.map((one) => one.name),
    ['eth0'],
  );
  t.deepEqual(settings.listen, {address: '10.77.0.1', port: 7500});
  t.is(settings.forwarders, 3);
  const only = good.slice(good.indexOf('applications:'));
  const completed = load(only, {mode: 'dsr', external: 'eth0', internal: 'eth1'});
  t.deepEqual(completed.listen, {address: '10.88.0.1', port: 7400});
});

test('time-outs: global, then per application', (t) => {
  const text = `timeouts: {syn: 5, established: 1h}\n${good}    timeouts: {established: 2h15m, udp: 10s}\n`;
  const [web, mail] = load(text).applications;
  t.deepEqual(web?.timeouts, {syn: 5, established: 3600, closing: 60, udp: 180});
  t.deepEqual(mail?.timeouts, {syn: 5, established: 8100, closing: 60, udp: 10});
});

test('weights: global, then per application', (t) => {
  const text = `weights: {low: 8}\n${good}    weights: {high: 0.5}\n`;
  const [web, mail] = load(text).applications;
  t.deepEqual(web?.weights, {low: 8, medium: 2, high: 1});
  t.deepEqual(mail?.weights, {low: 8, medium: 2, high: 0.5});
  t.deepEqual(
    differences(load(good), load(text))[0],
    '~ application web: weights low 4, medium 2, high 1 → low 8, medium 2, high 1',
  );
});

test('probes: as a whole a default, by key too', (t) => {
  t.deepEqual(load(good).probes, {intervalMs: 750, rise: 2, fall: 3, echo: true});
  const text = `probes: {interval: 0.2, echo: false}\n${good}`;
  t.deepEqual(load(text).probes, {intervalMs: 200, rise: 2, fall: 3, echo: false});
  t.deepEqual(differences(load(good), load(text)), [
    '~ probes.intervalMs 750 → 200',
    '~ probes.echo true → false',
  ]);
});

test('affinity: none, for each port, together, or for some ports', (t) => {
  const affinity = (text: string) => load(`${good}    affinity: ${text}\n`).applications[1]?.affinity;
  t.is(load(good).applications[0]?.affinity, null);
  t.deepEqual(affinity('{}'), {prefix: 32, timeout: 1800, ports: 'each'});
  t.deepEqual(affinity('{ports: together, prefix: 24, timeout: 1h}'), {
    prefix: 24,
    timeout: 3600,
    ports: 'together',
  });
  t.deepEqual(affinity('{ports: [143/tcp, 25/tcp]}')?.ports, [
    {protocol: 'tcp', first: 25, last: 25},
    {protocol: 'tcp', first: 143, last: 143},
  ]);
  t.deepEqual(
    differences(load(good), load(`affinity: {timeout: 60}\n${good}    affinity: {ports: [25/tcp]}\n`)),
    [
      '~ application web: affinity none → by /32 for 1m, ports each',
      '~ application mail: affinity none → by /32 for 30m, ports 25/tcp',
    ],
  );
});

test('autoscaling: by key, global, then per application', (t) => {
  t.deepEqual(load(good).applications[0]?.autoscaling, {'out-after': 30, 'in-after': 300, 'min-nodes': 1});
  const text = `autoscaling: {in-after: 10m}\n${good}    autoscaling: {out-after: 5s, min-nodes: 0}\n`;
  const [web, mail] = load(text).applications;
  t.deepEqual(web?.autoscaling, {'out-after': 30, 'in-after': 600, 'min-nodes': 1});
  t.deepEqual(mail?.autoscaling, {'out-after': 5, 'in-after': 600, 'min-nodes': 0});
  t.deepEqual(differences(load(good), load(text)), [
    '~ application web: autoscaling.in-after 300 → 600',
    '~ application mail: autoscaling.out-after 30 → 5',
    '~ application mail: autoscaling.in-after 300 → 600',
    '~ application mail: autoscaling.min-nodes 1 → 0',
  ]);
});

test('load and health: the top of the file, then the application as a whole', (t) => {
  const text = `load: {dwell: 10s}\nhealth: {fall: 5}\n${good}    health: {http: [{path: /up}]}\n`;
  const [web, mail] = load(text).applications;
  t.like(web?.load, {dwell: 10, hysteresis: 0.15});
  t.like(mail?.load, {dwell: 10});
  t.like(web?.health, {fall: 5, http: []});
  t.like(mail?.health, {fall: 2, http: [{path: '/up'}]});
  t.deepEqual(differences(load(good), load(text)), [
    '~ application web: load.dwell 5 → 10',
    '~ application web: health.fall 2 → 5',
    '~ application mail: load.dwell 5 → 10',
    '~ application mail: health.http [] → [{"path":"/up"}]',
  ]);
});

const edits: [string, (text: string) => string, Options, RegExp[]][] = [
  [
    'unknown top key',
    (s) => s.replace('mode:', 'mod:'),
    {mode: 'dsr'},
    [/^r\.yaml:1: mod: unknown key \(did you mean "mode"\?\); valid: mode, /],
  ],
  [
    'unknown application key',
    (s) => s.replace('tenant:', 'tennant:'),
    {},
    [/^r\.yaml:6: applications\[1\]\.tennant: unknown key \(did you mean "tenant"\?\); valid: tenant, /],
  ],
  [
    'weights that grow with the load',
    (s) => `${s}    weights: {high: 3}\n`,
    {},
    [
      /^r\.yaml:12: applications\[2\].weights: weights of application "mail" grow with the load: low 4, medium 2, high 3$/,
    ],
  ],
  [
    'a weight of nothing',
    (s) => `${s}    weights: {high: 0}\n`,
    {},
    [/applications\[2\]\.weights\.high: at least 0\.01/],
  ],
  [
    'an affinity by no such word',
    (s) => `${s}    affinity: {ports: all}\n`,
    {},
    [
      /^r\.yaml:12: applications\[2\]\.affinity\.ports: "all" is none of the valid choices: each, together, or a list/,
    ],
  ],
  [
    'an affinity for ports of others',
    (s) => `${s}    affinity: {ports: [25/tcp, 80/tcp]}\n`,
    {},
    [
      /^r\.yaml:12: applications\[2\]\.affinity\.ports: 80\/tcp is not among the ports of application "mail": 25\/tcp, 143\/tcp/,
    ],
  ],
  [
    'an affinity by too many bits, for too long',
    (s) => `${s}    affinity: {prefix: 33, timeout: 8d}\n`,
    {},
    [/affinity\.prefix: from 1 to 32/, /affinity\.timeout: "8d" is not a duration from 1s to 7d/],
  ],
  [
    'autoscaling with a key misspelt, and values out of range',
    (s) => `${s}    autoscaling: {out-afer: 30s}\nautoscaling: {in-after: soon, min-nodes: -1}\n`,
    {},
    [
      /^r\.yaml:12: applications\[2\]\.autoscaling\.out-afer: unknown key \(did you mean "out-after"\?\); valid: out-after, /,
      /^r\.yaml:13: autoscaling\.in-after: "soon" is not a duration from 0s to 86400s/,
      /^r\.yaml:13: autoscaling\.min-nodes: at least 0$/,
    ],
  ],
  [
    'an unknown metric',
    (s) => `${s}    load: {metrics: {cpu: {}, cpux: {}}}\n`,
    {},
    [
      /^r\.yaml:12: applications\[2\]\.load\.metrics\.cpux: unknown key \(did you mean "cpu"\?\); valid: cpu, /,
    ],
  ],
  [
    'an unknown health key, at the top',
    (s) => `health: {http: [{port: 80}]}\n${s}`,
    {},
    [/^r\.yaml:1: health\.http\[1\]\.port: unknown key \(did you mean "ports"\?\); valid: ports, /],
  ],
  [
    'unknown timeout key',
    (s) => `${s}    timeouts: {sin: 3}\n`,
    {},
    [/^r\.yaml:12: applications\[2\]\.timeouts\.sin: unknown key \(did you mean "syn"\?\); valid: syn,/],
  ],
  [
    'blocks that are not whole 64s',
    (s) => `block-ports: 100\n${s}`,
    {},
    [/^r\.yaml:1: block-ports: not a multiple of 64 from 64 to 8192$/],
  ],
  [
    'exclusive ports of another application',
    (s) => s.replace('    tenant: acme\n', '    tenant: acme\n    exclusive: [53/udp, 25/tcp]\n'),
    {},
    [
      /^r\.yaml:7: applications\[1\]\.exclusive\[2\]: 25\/tcp is not among the ports of "web": 80\/tcp, 8000-8999\/tcp, 53\/udp$/,
    ],
  ],
  [
    'exclusive ports that are none',
    (s) => s.replace('    tenant: acme\n', '    tenant: acme\n    exclusive: [53/sctp]\n'),
    {},
    [/^r\.yaml:7: applications\[1\]\.exclusive\[1\]: "53\/sctp": unknown protocol "sctp": one of tcp, udp$/],
  ],
  [
    'nat: a virtual IP in the nodes’ own network',
    (s) => s.replace('dsr', 'nat').replaceAll('10.77.0.100', '10.88.0.100'),
    {},
    [
      /^r\.yaml:7: applications\[1\]\.vips\[1\]: 10\.88\.0\.100 lies in the nodes' own network \(eth1 10\.88\.0\.1\/24\), which nobody outside sees: /,
      /^r\.yaml:10: applications\[2\]\.vips\[1\]: 10\.88\.0\.100 lies/,
    ],
  ],
  ['unknown mode', (s) => s.replace('dsr', 'fast'), {}, [/^r\.yaml:1: mode: .*dsr, nat$/]],
  [
    'unknown mode on the command line',
    (s) => s,
    {mode: 'fast'},
    [/^--mode: unknown mode "fast": one of dsr, nat$/],
  ],
  ['no mode', (s) => s.replace('mode: dsr\n', ''), {}, [/no mode: give --mode .* dsr, nat/]],
  [
    'bad port',
    (s) => s.replace('80/tcp, ', '80, '),
    {},
    [/^r\.yaml:8: applications\[1\]\.ports\[1\]: "80" is not PORT\/PROTOCOL: write 80\/tcp/],
  ],
  [
    'bad protocol',
    (s) => s.replace('53/udp', '53/sctp'),
    {},
    [/^r\.yaml:8: .*unknown protocol "sctp": one of tcp, udp$/],
  ],
  ['port too large', (s) => s.replace('25/tcp', '65536/tcp'), {}, [/^r\.yaml:11: .*ports are 1 to 65535$/]],
  [
    'range backwards',
    (s) => s.replace('8000-8999', '8999-8000'),
    {},
    [/^r\.yaml:8: .*the range runs backwards$/],
  ],
  [
    'VIP twice',
    (s) => s.replace('[10.77.0.100]', '[10.77.0.100, 10.77.0.100]'),
    {},
    [/^r\.yaml:7: applications\[1\]\.vips\[2\]: 10\.77\.0\.100 is there twice/],
  ],
  [
    'port owned twice',
    (s) => s.replace('[25/tcp', '[8100/tcp'),
    {},
    [
      /^r\.yaml:11: applications\[2\]\.ports\[1\]: 8100\/tcp on 10\.77\.0\.100 already belongs to application "web"$/,
    ],
  ],
  [
    'ports left out twice',
    (s) => s.replaceAll(/ {4}ports:.*\n/g, ''),
    {},
    [/^r\.yaml:8: applications\[2\]: "web" and "mail" both leave out ports on 10\.77\.0\.100/],
  ],
  [
    'name twice',
    (s) => s.replace('name: mail', 'name: web'),
    {},
    [/^r\.yaml:9: applications\[2\]\.name: application "web" is there twice$/],
  ],
  [
    'bad name',
    (s) => s.replace('name: mail', 'name: Mail'),
    {},
    [/^r\.yaml:9: applications\[2\]\.name: not a name: lower-case/],
  ],
  [
    'VIP is the router',
    (s) => s.replace('[10.77.0.100]', '[10.77.0.1]'),
    {},
    [/^r\.yaml:7: applications\[1\]\.vips\[1\]: 10\.77\.0\.1 is the router's own address \(on eth0\)/],
  ],
  [
    'VIP is the broadcast address',
    (s) => s.replace('[10.77.0.100]', '[10.77.0.255]'),
    {},
    [/^r\.yaml:7: .*network or broadcast address of eth0$/],
  ],
  [
    'VIP is IPv6',
    (s) => s.replace('[10.77.0.100]', '["fd00::1"]'),
    {},
    [/^r\.yaml:7: .*IPv6 is not in this version/],
  ],
  [
    'VIP is no address',
    (s) => s.replace('[10.77.0.100]', '[10.77.0]'),
    {},
    [/^r\.yaml:7: .*"10\.77\.0" is not an IPv4 address/],
  ],
  [
    'VIP is multicast',
    (s) => s.replace('[10.77.0.100]', '[224.0.0.5]'),
    {},
    [/^r\.yaml:7: .*224\.0\.0\.5 is a multicast address/],
  ],
  ['no VIP', (s) => s.replace('[10.77.0.100]', '[]'), {}, [/^r\.yaml:7: .*at least one virtual IP/]],
  [
    'VIPs missing',
    (s) => s.replace('    vips: [10.77.0.100]\n', ''),
    {},
    [/^r\.yaml:5: applications\[1\]\.vips: missing: must be a list$/],
  ],
  [
    'interface missing',
    (s) => s.replace('external: eth0', 'external: eth9'),
    {},
    [/^r\.yaml:2: interfaces\.external: interface eth9 does not exist.*there are: eth0, eth1/],
  ],
  ['interface missing on the command line', (s) => s, {external: 'eht0'}, [/^interface eht0 does not exist/]],
  ['interface down', (s) => s, {external: 'eth2'}, [/^interface eth2 is down/]],
  ['interface without address', (s) => s, {internal: 'eth3'}, [/^interface eth3 has no IPv4 address/]],
  ['interface is no Ethernet', (s) => s, {internal: 'lo'}, [/^interface lo has no Ethernet address/]],
  [
    'a VLAN that there cannot be',
    (s) => s.replace('internal: eth1', 'internal: eth1, vlans: [10, 4095]'),
    {},
    [/^r\.yaml:2: interfaces\.vlans\[2\]: not a VLAN: a number from 1 to 4094$/],
  ],
  [
    'the untagged VLAN needs no name',
    (s) => s.replace('internal: eth1', 'internal: eth1, vlans: [0]'),
    {},
    [/^r\.yaml:2: interfaces\.vlans\[1\]: not a VLAN: a number from 1 to 4094$/],
  ],
  [
    'a VLAN in words',
    (s) => s.replace('internal: eth1', 'internal: eth1, vlans: [voice]'),
    {},
    [/^r\.yaml:2: interfaces\.vlans\[1\]: wrong: must be a number$/],
  ],
  [
    'a VLAN twice',
    (s) => s.replace('internal: eth1', 'internal: eth1, vlans: [10, 10]'),
    {},
    [/^r\.yaml:2: interfaces\.vlans: a VLAN twice$/],
  ],
  [
    'too many VLANs',
    (s) =>
      s.replace(
        'internal: eth1',
        `internal: eth1, vlans: [${[...Array(17).keys()].map((n) => n + 1).join()}]`,
      ),
    {},
    [/^r\.yaml:2: interfaces\.vlans: at most 16$/],
  ],
  [
    'a key of the interfaces',
    (s) => s.replace('internal: eth1', 'internal: eth1, vlan: [10]'),
    {},
    [
      /^r\.yaml:2: interfaces\.vlan: unknown key \(did you mean "vlans"\?\); valid: vlans, external, internal$/,
    ],
  ],
  [
    'no interfaces',
    (s) => s.replace(/interfaces.*\n/, ''),
    {},
    [/no external interface: give --external/, /no internal interface/],
  ],
  [
    'bad control',
    (s) => s.replace('10.88.0.1:7400', '7400'),
    {},
    [/^r\.yaml:3: control\.listen: wrong: must be a text$/],
  ],
  [
    'control without address',
    (s) => s.replace('10.88.0.1:7400', 'here:7400'),
    {},
    [/^r\.yaml:3: control\.listen: not ADDRESS:PORT: write 10\.88\.0\.1:7400$/],
  ],
  [
    'bad control on the command line',
    (s) => s,
    {control: 'here'},
    [/^--control: "here" is not ADDRESS:PORT/],
  ],
  ['bad forwarders', (s) => s, {forwarders: '0'}, [/^--forwarders: "0" is not a number from 1 to 16/]],
  [
    'bad time-out',
    (s) => `timeouts: {syn: soon}\n${s}`,
    {},
    [/^r\.yaml:1: timeouts\.syn: "soon" is not a duration/],
  ],
  ['not YAML', (s) => s.replace('[80/tcp', '[80/tcp]]'), {}, [/^r\.yaml:8: /]],
  [
    'several at once',
    (s) => s.replace('[25/tcp', '[80/tcp').replace('[10.77.0.100]', '[10.77.0.1, 10.77.0.100]'),
    {external: 'eth9', forwarders: 'x'},
    [/^interface eth9/, /^r\.yaml:11: .*belongs/, /^r\.yaml:7: .*own address/, /^--forwarders/],
  ],
];

for (const [title, edit, options, expected] of edits)
  test(`refused: ${title}`, (t) => {
    const lines = problems(edit(good), options);
    for (const pattern of expected)
      t.true(
        lines.some((line) => pattern.test(line)),
        `${pattern}\n${lines.join('\n')}`,
      );
    if (!title.startsWith('not YAML')) t.is(lines.length, expected.length, lines.join('\n'));
  });

test('a mode that this version does not offer', (t) => {
  const refused = (text: string, options: Options) =>
    t.throws(() => settle('r.yaml', text, options, links, ['dsr']), {instanceOf: ConfigError})?.message;
  const says = 'nat is not in this version; use dsr';
  t.is(refused(good.replace('dsr', 'nat'), {}), `r.yaml:1: mode: ${says}`);
  t.is(refused(good, {mode: 'nat'}), `--mode: ${says}`);
});

test('nat: two interfaces', (t) => {
  t.is(load(good, {mode: 'nat'}).mode, 'nat');
  t.deepEqual(problems(good, {mode: 'nat', internal: 'eth0'}), [
    'mode nat needs two interfaces: external and internal are both eth0',
  ]);
  t.deepEqual(differences(load(good), load(good, {mode: 'nat'})), [
    '! mode: dsr → nat: applied at the next restart',
  ]);
});

test('differences between configurations', (t) => {
  const before = load(good);
  t.deepEqual(differences(before, load(good)), []);
  const text = good
    .replace('53/udp', '54/udp')
    .replace(/ {2}- name: mail[^]*$/, '')
    .concat('  - {name: dns, vips: [10.77.0.101], ports: [53/udp]}\n');
  t.deepEqual(differences(before, load(text, {forwarders: '7'})), [
    '- application mail',
    '~ application web: ports 80/tcp, 8000-8999/tcp, 53/udp → 80/tcp, 8000-8999/tcp, 54/udp',
    '+ application dns: 10.77.0.101, 53/udp',
    '+ virtual IP 10.77.0.101',
    `! forwarders: ${before.forwarders} → 7: applied at the next restart`,
  ]);
});

test('virtual IPs that are on no network of the router, or that nodes alone may want', (t) => {
  for (const mode of ['dsr', 'nat'])
    t.deepEqual(problems(good.replaceAll('10.77.0.100', '203.0.113.255'), {mode}), [], mode);
  const inside = good.replaceAll('10.77.0.100', '10.88.0.100');
  t.deepEqual(problems(inside, {mode: 'dsr'}), []);
  // One-armed, router, nodes and clients share it.
  t.deepEqual(problems(inside, {mode: 'dsr', external: 'eth1'}), []);
});
