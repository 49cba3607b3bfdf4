// Debian's jetty9, the paper's server, beside nginx on the node: a file of n bytes is /n on port 8080.

import type {Fixture} from '../lab/fixture.ts';
import {folderOn, makeFile, PORTS} from './server.ts';

const HOME = '/usr/share/jetty9';
const READY_SECONDS = 30;

export async function startJetty(
  {network, server, address}: Fixture,
  sizes: readonly number[],
): Promise<void> {
  const {node, client} = network;
  const folder = await folderOn(network, node);
  await node.run(['mkdir', '-p', `${folder}/webapps/ROOT`]);
  for (const size of sizes) await makeFile(node, `${folder}/webapps/ROOT/${size}`, size);
  const words = [
    '-jar',
    `${HOME}/start.jar`,
    `jetty.home=${HOME}`,
    `jetty.base=${folder}`,
    '--module=http,deploy',
  ];
  const java = ['java', '-Xmx256m', ...words, `jetty.http.port=${PORTS.jetty}`, `java.io.tmpdir=${folder}`];
  network.keep(node, server.command(java));
  const url = `http://${address}:${PORTS.jetty}/${sizes[0]}`;
  const patience = ['--retry-connrefused', '--retry-all-errors', '--retry', String(READY_SECONDS)];
  const asked = ['curl', '-sf', ...patience, '--retry-delay', '1', '-m', '2', '-o', '/dev/null', url];
  await client.run(asked, {seconds: 3 * READY_SECONDS});
}
