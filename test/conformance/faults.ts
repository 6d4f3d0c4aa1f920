import { expect } from 'vitest';
import { deadLetterSubject } from '#lib/contracts';
import { type Case, unlessRedelivered } from './case.ts';
import { numbered, textOf } from './stand.ts';
import { until } from './until.ts';

const MB = 1024 * 1024;

/** What becomes of messages when a link, the bus or the connector goes away, or one is far too large: one after another. */
export const faults: readonly Case[] = [
  {
    name: 'a payload too large for the bus',
    exempt: ({ maxBytes }) => (maxBytes === undefined ? undefined : `at most ${maxBytes / MB} MB a message`),
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      await place.publish(['before', 'x'.repeat(9 * MB), 'after']);
      await stand.untilEach(integration, ['before', 'after']);
      const record = await until(
        'its record',
        async () => (await stand.harness.inbound(integration)).find(({ type }) => type === 'oversize'),
        (found) => found !== undefined,
      );
      expect(record?.attributes).toMatchObject({ size: 9 * MB, reason: 'oversize' });
      const letters = await stand.harness.bus.list('DEAD_LETTERS', deadLetterSubject(integration.applicationId, integration.id));
      expect(letters.map(({ body }) => JSON.parse(textOf(body)) as unknown)).toMatchObject([{ reason: 'oversize', size: 9 * MB }]);
      await stand.untilAcknowledged(place);
    },
  },
  {
    name: 'redelivery',
    exempt: unlessRedelivered,
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      const { provider, definition } = stand;
      const before = provider.came.length;
      provider.holding = 'all';
      await place.publish(numbered(1, 5));
      await until(
        'they came',
        () => provider.came.length - before,
        (came) => came === 5,
      );
      provider.holding = 'none';
      await stand.breakLink(integration);
      const stored = await stand.untilMessages(integration, 'all five', (texts) => new Set(texts).size === 5, place);
      // Where no id tells one that came before, the provider's mark does.
      if (!definition.capabilities.providerIds) expect(stored.map(({ redelivered }) => redelivered)).toEqual(stored.map(() => true));
    },
  },
  {
    name: 'de-duplication',
    exempt: ({ providerIds }) => (providerIds ? undefined : 'no provider ids'),
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      const { provider } = stand;
      const before = provider.came.length;
      provider.holding = 'store';
      await place.publish(numbered(1, 5));
      await stand.untilMessages(integration, 'all five', (texts) => texts.length === 5);
      provider.holding = 'none';
      await stand.breakLink(integration);
      await stand.untilMessages(integration, 'each came twice', () => provider.came.length - before >= 10, place);
      await place.publish(['m6']);
      const stored = await stand.untilMessages(integration, 'the sixth', (texts) => texts.includes('m6'), place);
      expect(stored.map(({ body }) => textOf(body)).sort()).toEqual(numbered(1, 6));
      expect(stored.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6]);
      await stand.untilAcknowledged(place);
    },
  },
  {
    name: 'ack only after the store',
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      const { harness, provider, server } = stand;
      const before = provider.came.length;
      await harness.nats.kill();
      await place.publish(numbered(1, 20));
      await until(
        'they came',
        () => provider.came.length - before,
        (came) => came >= 20,
      );
      // What was not acknowledged comes again to the next link; what can't come again is still held here.
      server.proxy.drop();
      await stand.busUp();
      await stand.untilMessages(integration, 'all twenty', (texts) => new Set(texts).size === 20, place);
    },
  },
  {
    name: 'back-pressure while the bus is down',
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      const { provider, harness } = stand;
      const before = provider.came.length;
      await harness.nats.kill();
      const bodies = numbered(1, 120).map((text) => `${text}:${'x'.repeat(200_000)}`);
      await place.publish(bodies);
      let last = 0;
      let since = 0;
      const came = await until(
        'the source is read no further',
        () => provider.came.length - before,
        (now) => {
          if (now !== last) since = performance.now();
          last = now;
          return now > 0 && performance.now() - since > 1_000;
        },
      );
      // Of 24 MB: what may be held (16 MB), and what was on its way when that was reached.
      expect(came * 200_000).toBeLessThan(20 * MB);
      await stand.busUp();
      await until(
        'all came',
        () => provider.came.length - before,
        (all) => all >= bodies.length,
      );
      await stand.untilEach(integration, bodies);
    },
  },
  {
    name: 'a recorded gap for a broken link',
    exempt: (capabilities, configured) => (unlessRedelivered(capabilities, configured) === undefined ? 'at-least-once' : undefined),
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      const from = Date.now();
      await stand.breakLink(integration);
      await place.publish(['m1']);
      await stand.untilStored(integration, ['m1']);
      const gaps = (await stand.harness.inbound(integration)).filter(({ type }) => type === 'gap');
      expect(gaps).toHaveLength(1);
      expect(Date.parse(String(gaps[0]?.attributes['from']))).toBeLessThanOrEqual(from);
      expect(Date.parse(String(gaps[0]?.attributes['to']))).toBeGreaterThanOrEqual(from);
    },
  },
  {
    name: 'drain on shutdown',
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      const { harness, definition } = stand;
      await place.publish(numbered(1, 60));
      await stand.untilMessages(integration, 'some', (texts) => texts.length > 0);
      await harness.stopRuntimes();
      expect((await harness.inbound(integration)).at(-1)).toMatchObject({ type: 'disconnect' });
      await stand.startConnector();
      await stand.untilState(integration, 'connected');
      await place.publish(['last']);
      const isAtMostOnce = unlessRedelivered(definition.capabilities, place) !== undefined;
      const stored = await stand.untilMessages(
        integration,
        'the last, and all that can come again',
        (texts) => texts.includes('last') && (isAtMostOnce || new Set(texts).size === 61),
        place,
      );
      expect(stored.map(({ number }) => number)).toEqual(stored.map((_, index) => index + 1));
      if (!isAtMostOnce) return;
      // What came no further than the socket is gone, and that is told: what was stored is the beginning.
      expect(stored.slice(0, -1).map(({ body }) => textOf(body))).toEqual(numbered(1, stored.length - 1));
      expect((await harness.inbound(integration)).filter(({ type }) => type === 'gap')).toHaveLength(1);
    },
  },
];
