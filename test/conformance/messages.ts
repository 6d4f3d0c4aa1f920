import { expect } from 'vitest';
import type { Case } from './case.ts';
import { numbered } from './stand.ts';
import { until } from './until.ts';

/** Messages in and out while all is well: side by side. */
export const messages: readonly Case[] = [
  {
    name: 'receive',
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      await place.publish(['größe €', '{"n":1}']);
      const stored = await stand.untilEach(integration, ['größe €', '{"n":1}']);
      expect(stored.map(({ number }) => number)).toEqual([1, 2]);
      expect(JSON.stringify(stored.map((message) => stand.definition.messageData?.(message)))).toContain('größe €');
      // On a loaded machine an attempt to connect may run out of time: then another follows.
      const told = (await stand.harness.inbound(integration)).map(({ type }) => type).filter((type) => type !== 'failure');
      expect(told[0]).toBe('connect');
      expect((await stand.harness.status(integration))?.evidence).toMatchObject({ kind: expect.any(String), at: expect.any(Number) });
      await stand.untilAcknowledged(place);
    },
  },
  {
    name: 'order',
    prove: async (stand) => {
      const { place, integration } = await stand.source({ ordered: true });
      await place.publish(numbered(1, 100));
      const stored = await stand.untilStored(integration, numbered(1, 100));
      expect(stored.map(({ number }) => number)).toEqual(stored.map((_, index) => index + 1));
    },
  },
  {
    name: 'throttle without loss',
    prove: async (stand) => {
      const { place, integration } = await stand.source({ limits: { messagesPerSecond: 50, burst: 10 } });
      await place.publish(numbered(1, 100));
      const stored = await stand.untilEach(integration, numbered(1, 100));
      const times = stored.map(({ time }) => Date.parse(time));
      // 10 at once, the other 90 at 50 a second, less what clocks are rounded by.
      expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBeGreaterThan(1_700);
      expect(await stand.harness.status(integration)).toMatchObject({ state: 'connected' });
    },
  },
  {
    name: 'a payload of 300 KB',
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      const large = `${'ß'.repeat(150_000)}.`;
      await place.publish([large, 'after']);
      await stand.untilEach(integration, [large, 'after']);
    },
  },
  {
    name: 'bytes that are no text',
    exempt: ({ binary }) => (binary ? undefined : 'text only'),
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      const bytes = Buffer.from([0, 0xff, 0xfe, 0x41, 0xc3]);
      await place.publish([bytes]);
      const [message] = await stand.untilMessages(integration, 'one message', (texts) => texts.length === 1);
      expect(Buffer.from(message?.body ?? []).toString('hex')).toBe(bytes.toString('hex'));
      const data = JSON.stringify(message && stand.definition.messageData?.(message));
      expect(data).toContain(bytes.toString('base64'));
      expect(data).toContain('"encoding":"base64"');
    },
  },
  {
    name: 'send once',
    prove: async (stand) => {
      const { place, integration } = await stand.outlet();
      const twice = await Promise.all([1, 2].map(() => stand.send(integration, 'run:node:0', 'hello', place.options)));
      expect(twice.map(({ verdict }) => verdict)).toEqual(['succeeded', 'succeeded']);
      expect(await stand.send(integration, 'run:node:1', 'bye', place.options)).toMatchObject({ verdict: 'succeeded' });
      await until(
        'both arrived',
        () => place.sent(),
        (sent) => sent.length >= 2,
      );
      expect(place.sent()).toEqual(['hello', 'bye']);
    },
  },
];
