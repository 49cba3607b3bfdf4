// A router that only listens: takes the agents' PUTs, writes each as one JSON line to stdout with its time, and
// answers with the orders given as its argument. Its own process, because it lives in a network namespace.
//
//   node fake-router.js ADDRESS PORT SECRET ORDERS DELAY_MS

import http from 'node:http';

const [address = '', port = '', secret = '', orders = '', delayMs = '0'] = process.argv.slice(2);

const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (data: Buffer) => (body += data.toString()));
  request.on('end', () => {
    const isKnown = request.headers.authorization === `Bearer ${secret}`;
    response.writeHead(isKnown ? 200 : 401, {'content-type': 'application/json'});
    const answer = isKnown ? orders : JSON.stringify({error: 'wrong or missing secret'});
    setTimeout(() => response.end(answer), Number(delayMs));
    if (isKnown)
      process.stdout.write(
        `${JSON.stringify({time: Date.now(), url: request.url, state: JSON.parse(body)})}\n`,
      );
  });
});
server.listen(Number(port), address, () => process.stdout.write('"ready"\n'));
