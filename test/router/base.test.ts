// What everything else is built on: addresses in networks, the hash of names, values that are kept.

import test from 'ava';
import fc from 'fast-check';
import {inNetwork, isEdgeOf, networkOf} from '../../router/base/address.ts';
import {fnv1a} from '../../router/base/hash.ts';
import {Memo} from '../../router/base/memo.ts';

const toNumber = (address: string) => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const numbers = fc.tuple(fc.ipV4(), fc.ipV4(), fc.integer({min: 1, max: 32}));

test('networks hold the addresses that share their prefix', (t) => {
  fc.assert(
    fc.property(numbers, ([address, own, prefix]) => {
      const shares = toNumber(address) >>> (32 - prefix) === toNumber(own) >>> (32 - prefix);
      t.is(inNetwork(address, {address: own, prefix}), shares);
      t.true(inNetwork(own, {address: own, prefix}));
    }),
  );
});

test('the edges of a network, which no host can have', (t) => {
  const network = {address: '10.88.5.1', prefix: 22};
  const edges = ['10.88.4.0', '10.88.7.255'];
  for (const edge of edges) t.true(isEdgeOf(edge, network));
  for (const host of ['10.88.5.0', '10.88.4.255', '10.88.8.0', '10.88.3.255'])
    t.false(isEdgeOf(host, network));
  t.false(isEdgeOf('10.88.4.0', {address: '10.88.4.0', prefix: 31}));
  t.is(networkOf(network), '10.88.4.0/22');
});

// The vectors of the authors: http://www.isthe.com/chongo/src/fnv/test_fnv.c
test('FNV-1a', (t) => {
  t.deepEqual(['', 'a', 'foobar'].map(fnv1a), [0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
});

test('what is kept is computed once, and again when it is out of date', (t) => {
  const memo = new Memo<object, number>();
  const [one, other] = [{}, {}];
  let computed = 0;
  const compute = () => ++computed;
  t.deepEqual([memo.get(one, compute), memo.get(one, compute), memo.get(other, compute)], [1, 1, 2]);
  t.is(
    memo.get(one, compute, (value) => value > 1),
    3,
  );
  t.is(memo.get(one, compute), 3);
});
