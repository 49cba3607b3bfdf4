// wrk's report as numbers, and the spread of rounds.

import test from 'ava';
import {show, spread} from '../../perf/statistics.ts';
import {parseWrk} from '../../perf/wrk.ts';

const report = `Running 1s test @ http://10.77.0.100:80/16384
  1 threads and 1 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   175.41us   74.15us   3.10ms   98.41%
    Req/Sec     5.75k   273.48     6.05k    72.73%
  Latency Distribution
     50%  168.00us
     75%  179.00us
     90%  198.00us
     99%    1.25ms
  6292 requests in 1.10s, 99.86MB read
Requests/sec:   5721.12
Transfer/sec:     90.80MB
`;

test('a report of wrk: requests per second, median and p99 in microseconds', (t) => {
  t.deepEqual(parseWrk(report), {requestsPerSecond: 5721.12, median: 168, p99: 1250});
});

test('a run with errors measures nothing', (t) => {
  const errors = `${report}  Socket errors: connect 0, read 3, write 0, timeout 0\n`;
  t.throws(() => parseWrk(errors), {message: /Socket errors: connect 0, read 3/});
  t.throws(() => parseWrk(`${report}  Non-2xx or 3xx responses: 6292\n`), {message: /Non-2xx/});
  t.throws(() => parseWrk('wrk: unable to connect'), {message: /Requests|wrk said/});
});

test('the spread of rounds', (t) => {
  t.deepEqual(spread([2, 4, 9]), {mean: 5, deviation: Math.sqrt(13), median: 4});
  t.is(spread([1, 2, 3, 10]).median, 2.5);
  t.is(show(spread([1, 3]), 1), '2.0 ± 1.4');
  t.throws(() => spread([1]), {instanceOf: RangeError});
});
