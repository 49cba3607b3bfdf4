// Which machines the bench measures on, as its options name them.

import test from 'ava';
import {isIn, parseHosts} from '../../perf/lab/find-hosts.ts';

test('hosts: each role once, and no other', (t) => {
  t.deepEqual(parseHosts('client=root@a,router=b,node=c=d'), {client: 'root@a', router: 'b', node: 'c=d'});
  t.throws(() => parseHosts('client=a,router=b'), {message: /node is missing/});
  t.throws(() => parseHosts('client=a,router=b,node=c,nod=d'), {message: /"nod" is none of/});
});

test('an address in a network', (t) => {
  t.true(isIn('10.77.0.100', '10.77.0.1', 24));
  t.false(isIn('10.77.1.100', '10.77.0.1', 24));
  t.true(isIn('203.0.113.9', '10.0.0.0', 0));
  t.true(isIn('255.255.255.255', '255.255.255.254', 31));
});
