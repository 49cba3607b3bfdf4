// Names that an instance looks up by its libc: what that sends no library sees, so it comes from the node's own
// address. A resolver on the node, or on the router's internal network, serves instances in both modes.
//
//   router: dnsmasq 10.88.0.1 ── node1: dnsmasq 127.0.0.1, getent as an instance

import {inEachMode} from '../support/each-mode.ts';

const RESOLVERS = {router: '10.88.0.1', node1: '127.0.0.1'};

const eachMode = inEachMode({nodes: 1, forwarders: 1}, async (bed) => {
  for (const [host, address] of Object.entries(RESOLVERS)) {
    const options = ['--no-resolv', '--no-hosts', '--conf-file=/dev/null', '--pid-file', '--user=root'];
    options.push(`--listen-address=${address}`, '--bind-interfaces', '--address=/a.test/192.0.2.1');
    await bed.startServer(host, 53, ['dnsmasq', '--keep-in-foreground', ...options]);
    bed.file(`${host}.conf`, `nameserver ${address}\noptions timeout:2 attempts:1\n`);
  }
});

for (const host of Object.keys(RESOLVERS))
  eachMode(`a resolver on ${host} serves instances`, async (t, bed) => {
    const look = `mount --bind ${bed.folder}/${host}.conf /etc/resolv.conf && exec getent ahostsv4 a.test`;
    const {stdout, stderr} = await bed.instance('node1', 'web', ['unshare', '--mount', 'sh', '-c', look]);
    t.regex(stdout, /^192\.0\.2\.1 +STREAM a\.test\n/, stderr);
  });
