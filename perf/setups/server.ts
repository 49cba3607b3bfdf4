// The server that all set-ups have behind them: nginx as it comes, one worker, on all addresses of the node.
//
//   80 HTTP · 443 HTTPS · 5201 iperf3 · 8080 jetty        a file of n bytes is /n

import {write} from '../lab/host.ts';
import type {Host} from '../lab/host.ts';
import type {Network} from '../lab/network.ts';
import type {SetUp} from '../lab/fixture.ts';

export const PORTS = {http: 80, https: 443, terminated: 8443, bulk: 5201, datagrams: 9, jetty: 8080} as const;

/** What COSCANet's configuration lets the application have. */
export const APPLICATION_PORTS = [
  '80/tcp',
  '443/tcp',
  '5201/tcp',
  '8080/tcp',
  '5000-5001/tcp',
  '9/udp',
  '5001/udp',
  '20000-29999/tcp',
];

/** A new folder on a host, removed with the network. */
export async function folderOn(network: Network, host: Host): Promise<string> {
  const folder = (await host.run(['mktemp', '-d', '/tmp/coscanet-perf-XXXXXX'])).trim();
  network.cleanUp(host, ['rm', '-rf', folder]);
  return folder;
}

export async function certificate(host: Host, folder: string): Promise<void> {
  const key = `${folder}/key.pem`;
  await host.run(
    ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'].concat(
      ['-days', '2', '-subj', '/CN=perf.test', '-keyout', key, '-out', `${folder}/certificate.pem`],
    ),
  );
  // haproxy wants both in one file.
  await host.run(['sh', '-c', 'cat "$1"/certificate.pem "$1"/key.pem >"$1"/both.pem', 'sh', folder]);
}

/** A file of so many bytes. */
export async function makeFile(host: Host, path: string, bytes: number): Promise<void> {
  const command = 'head -c "$1" /dev/zero | tr "\\0" x >"$2"';
  await host.run(['sh', '-c', command, 'sh', String(bytes), path]);
}

/** The top of an nginx configuration whose files all lie in `folder`. */
export function nginxTop(folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `user root; daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
worker_rlimit_nofile 65536;
events { worker_connections 16384; }
http {
  ${temporary.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n  ')}
  access_log off; sendfile on; keepalive_requests 1000000000; keepalive_timeout 1h;
  ssl_certificate ${folder}/certificate.pem; ssl_certificate_key ${folder}/key.pem;`;
}

export function nginx(folder: string): readonly string[] {
  return ['nginx', '-e', `${folder}/error.log`, '-c', `${folder}/nginx.conf`];
}

/** Until something has that port, TCP or UDP. */
export async function hasPort(host: Host, port: number): Promise<void> {
  const asked = 'until [ -n "$(ss -Hlntu "sport = :$1")" ]; do sleep 0.05; done';
  await host.run(['sh', '-c', asked, 'sh', String(port)], {seconds: 15});
}

export interface Server {
  readonly folder: string;
  /** A program on the node: an instance of COSCANet's application, or plain. */
  command(program: readonly string[]): readonly string[];
}

/** Starts nginx on the node with a file of each of `sizes`; `command` wraps programs of the node. */
export async function startServer(
  network: Network,
  sizes: readonly number[],
  command: Server['command'],
): Promise<Server> {
  const {node} = network;
  const folder = await folderOn(network, node);
  await certificate(node, folder);
  await node.run(['mkdir', `${folder}/files`]);
  for (const size of sizes) await makeFile(node, `${folder}/files/${size}`, size);
  await write(
    node,
    `${folder}/nginx.conf`,
    `${nginxTop(folder)}
  server {
    listen ${PORTS.http} backlog=4096; listen ${PORTS.https} ssl backlog=4096;
    root ${folder}/files; open_file_cache max=100;
  }
}
`,
  );
  network.keep(node, command(nginx(folder)));
  return {folder, command};
}

/** Another server on the node, beside nginx, that takes this port. */
export function besideNginx(program: readonly string[], port: number): SetUp {
  return async ({network, server}) => {
    network.keep(network.node, server.command(program));
    await hasPort(network.node, port);
  };
}
