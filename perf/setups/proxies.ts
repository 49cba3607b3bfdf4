// Proxies on the router host: two connections for each of the client's. One thread each, as ours has one forwarder.

import {write} from '../lab/host.ts';
import {addVip} from './address.ts';
import {certificate, folderOn, nginx as nginxCommand, nginxTop, PORTS} from './server.ts';
import type {Setup} from './setup.ts';

/** HTTP; connections to the server are kept. Port 443: TLS ends here. */
export const nginx: Setup = {
  name: 'nginx',
  title: 'nginx, HTTP proxy',
  shape: 'dsr',
  ours: false,
  passes: 'both',
  address: (network) => network.vip,
  async start(network) {
    const {router, vip} = network;
    await addVip(network, router, network.external);
    const folder = await folderOn(network, router);
    await certificate(router, folder);
    await write(
      router,
      `${folder}/nginx.conf`,
      `${nginxTop(folder)}
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0;
  upstream nginx { server ${network.nodeInside}:${PORTS.http}; keepalive 1000; }
  upstream jetty { server ${network.nodeInside}:${PORTS.jetty}; keepalive 1000; }
  server {
    listen ${vip}:${PORTS.http} backlog=4096; listen ${vip}:${PORTS.https} ssl backlog=4096;
    location / { proxy_pass http://nginx; }
  }
  server {
    listen ${vip}:${PORTS.jetty} backlog=4096;
    location / { proxy_pass http://jetty; }
  }
}
`,
    );
    network.keep(router, nginxCommand(folder));
  },
};

/** TCP; port 8443: TLS ends here. */
export const haproxy: Setup = {
  name: 'haproxy',
  title: 'haproxy, TCP',
  shape: 'dsr',
  ours: false,
  passes: 'both',
  address: (network) => network.vip,
  async start(network) {
    const {router, vip, nodeInside} = network;
    await addVip(network, router, network.external);
    const folder = await folderOn(network, router);
    await certificate(router, folder);
    const plain = [PORTS.http, PORTS.https, PORTS.bulk, PORTS.jetty].map(
      (port) => `listen port${port}\n  bind ${vip}:${port}\n  server node ${nodeInside}:${port}`,
    );
    await write(
      router,
      `${folder}/haproxy.cfg`,
      `global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  backlog 4096
  timeout connect 5s
  timeout client 1h
  timeout server 1h
${plain.join('\n')}
listen terminated
  bind ${vip}:${PORTS.terminated} ssl crt ${folder}/both.pem
  server node ${nodeInside}:${PORTS.http}
`,
    );
    network.keep(router, ['haproxy', '-db', '-q', '-f', `${folder}/haproxy.cfg`]);
  },
};
