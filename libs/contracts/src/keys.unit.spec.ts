import { expect, it } from 'vitest';
import { newResourceId, ResourceId } from './ids.ts';
import { PARTITIONS, partitionOf } from './partition.ts';
import {
  configSubject,
  controlSubject,
  fenceSubject,
  inboundFilter,
  inboundSubject,
  outboundSubject,
  sendFilter,
  sendSubject,
  triggeredSubject,
} from './subjects.ts';

const APP = '64b7f0c2a1b2c3d4e5f60718';
const INTEGRATION = '64b7f0c2a1b2c3d4e5f60719';

it.each([
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['foobar', 0xbf9cf968],
])('hashes %j as FNV-1a 32 does', (text, hash) => expect(partitionOf(text)).toBe(hash % PARTITIONS));

it('spreads ids made one after the other over all partitions, none with twice its share', () => {
  let seed = 1;
  const random = (bytes: Uint8Array): Uint8Array => bytes.map(() => (seed = (seed * 48_271) % 2_147_483_647) & 255);
  const counts = new Map<number, number>();
  for (let i = 0; i < 64_000; i++) {
    const p = partitionOf(newResourceId(1_700_000_000_000 + i, random));
    counts.set(p, (counts.get(p) ?? 0) + 1);
  }
  expect(counts.size).toBe(PARTITIONS);
  expect(Math.max(...counts.values())).toBeLessThan(2_000);
});

it('makes ids that are valid and sort by their second', () => {
  const random = (bytes: Uint8Array): Uint8Array => bytes.fill(255);
  const [first, second] = [newResourceId(1_700_000_000_999, random), newResourceId(1_700_000_001_000, random)];
  expect(ResourceId.safeParse(first).success).toBe(true);
  expect(first).toBe(`${(1_700_000_000).toString(16)}${'f'.repeat(16)}`);
  expect(first < second).toBe(true);
});

it.each(['', '64b7f0c2a1b2c3d4e5f6071', '64b7f0c2a1b2c3d4e5f60718x', '64b7f0c2a1b2c3d4e5f6071g', `${APP}\n`, '../../etc/passwd'])(
  '%j is no id',
  (id) => expect(ResourceId.safeParse(id).success).toBe(false),
);

it('puts applications’ partitions into inbound and triggered, integrations’ into send, outbound and control', () => {
  expect(inboundSubject(APP, INTEGRATION)).toBe(`inbound.${partitionOf(APP)}.${APP}.${INTEGRATION}`);
  expect(triggeredSubject(APP, INTEGRATION)).toBe(`triggered.${partitionOf(APP)}.${APP}.${INTEGRATION}`);
  for (const [name, subject] of [
    ['send', sendSubject],
    ['outbound', outboundSubject],
    ['control', controlSubject],
  ] as const)
    expect(subject('mqtt', APP, INTEGRATION)).toBe(`${name}.mqtt.${partitionOf(INTEGRATION)}.${APP}.${INTEGRATION}`);
  expect(inboundFilter(7)).toBe('inbound.7.>');
  expect(sendFilter('sqs', 7)).toBe('send.sqs.7.>');
});

it('keeps fences outside of what their holders purge', () => {
  expect(fenceSubject('INBOUND', 'mqtt', 3)).toBe('fence.INBOUND.mqtt.3');
  expect(configSubject('workflow', '-', APP, INTEGRATION)).toBe(`config.workflow.-.${APP}.${INTEGRATION}`);
});
