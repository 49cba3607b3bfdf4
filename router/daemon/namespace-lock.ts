// One router in a network namespace: two would undo each other's nftables table and answer for each other's
// virtual IPs. An abstract unix socket belongs to its namespace and ends with its process; who connects to it is
// told who holds it.

import {connect, createServer} from 'node:net';
import {codeOf, UserError} from '../base/error.ts';

const NAME = '\0coscanet-router';
const ANSWER_MS = 1000;

/** Rejects with a UserError that names the router which is there. Resolves to what gives the namespace up. */
export async function lockNamespace(runDir: string): Promise<() => Promise<void>> {
  const server = createServer((socket) => {
    // A reader that has gone already is no error.
    socket.on('error', () => {});
    socket.end(`coscanet-router ${process.pid} in ${runDir}`);
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({path: NAME}, resolve);
    });
  } catch (error) {
    if (codeOf(error) !== 'EADDRINUSE') throw error;
    throw new UserError(`another router runs in this network namespace: ${await holder()}`);
  }
  server.unref();
  return () => new Promise((resolve) => server.close(() => resolve()));
}

/** "coscanet-router PID in RUN-DIR", as its process says. */
function holder(): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({path: NAME});
    const done = () => {
      socket.destroy();
      resolve(text || 'a process that does not say who it is');
    };
    socket.setTimeout(ANSWER_MS, done);
    socket.on('data', (data) => (text += data.toString()));
    socket.on('error', done);
    socket.on('end', done);
  });
}
