// Nodes that tell the router of many endpoints: put-endpoints COUNT ROUNDS ROUTER VIP ADDRESS…, a node for each address,
// all with the same ports. Run where the environment names the secret. Each round the first node has one endpoint less
// or more; prints the milliseconds of each such PUT, which the router answers when the new policy is in force.

import {readFileSync} from 'node:fs';
import http from 'node:http';

const [count = '', rounds = '', router = '', vip = '', ...addresses] = process.argv.slice(2);
const secret = readFileSync(process.env['COSCANET_SECRET_FILE'] ?? '', 'utf8').trim();
const connections = new http.Agent({keepAlive: true, maxSockets: 1});
const FIRST_PORT = 20_000;

function put(node: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.request(`http://${router}/v1/nodes/${node}`, {
      agent: connections,
      method: 'PUT',
      headers: {authorization: `Bearer ${secret}`, 'content-type': 'application/json'},
    });
    request.on('error', reject);
    request.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (data: string) => (text += data));
      response.on('error', reject);
      response.on('end', () => {
        const {refused} = JSON.parse(text) as {refused?: unknown[]};
        if (response.statusCode === 200 && refused?.length === 0) resolve();
        else reject(new Error(`the router answered ${response.statusCode}: ${text.slice(0, 300)}`));
      });
    });
    request.end(body);
  });
}

const endpoint = (_: unknown, index: number) => ({
  application: 'web',
  vip,
  protocol: 'tcp',
  port: FIRST_PORT + index,
  instances: 1,
});
const epoch = Date.now();
let sequence = 0;
async function tell(node: number, endpoints: number, more = {}): Promise<number> {
  const state = {address: addresses[node], epoch, sequence: ++sequence, vips: [], ...more};
  const body = JSON.stringify({...state, endpoints: Array.from({length: endpoints}, endpoint)});
  const start = performance.now();
  await put(`many${node}`, body);
  return performance.now() - start;
}

const each = Math.ceil(Number(count) / addresses.length);
for (const node of addresses.keys()) await tell(node, each);
const times: number[] = [];
for (let round = 0; round < Number(rounds); round++) times.push(await tell(0, each - ((round + 1) % 2)));
for (const node of addresses.keys()) await tell(node, 0, {leaving: true});
connections.destroy();
console.log(JSON.stringify(times));
