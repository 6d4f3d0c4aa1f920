import { expect } from 'vitest';
import type { Case } from './case.ts';
import { numbered } from './stand.ts';
import { until } from './until.ts';

/** What a link is said to be while it is broken, changed and ended: one after another. */
export const statuses: readonly Case[] = [
  {
    name: 'status: a black hole',
    prove: async (stand) => {
      const { integration } = await stand.source();
      stand.server.proxy.mode({ kind: 'stall' });
      const status = await stand.untilState(integration, 'disconnected');
      expect(status.reason).toMatch(/\w/);
      stand.server.proxy.mode({ kind: 'pass' });
      await stand.untilState(integration, 'connected');
    },
  },
  {
    name: 'status: a refused credential',
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      await stand.server.revoke();
      const status = await stand.untilState(integration, 'unauthorized');
      expect(status.reason).toMatch(/\w/);
      for (const secret of place.secrets) expect(JSON.stringify(status)).not.toContain(secret);
      // It is not hammered: the next try is minutes away, or comes with a new version.
      expect(status.nextAttempt).toBeGreaterThan(Date.now() + 60_000);
      await stand.server.restore();
      await stand.change(integration, { name: 'again' });
      await stand.untilState(integration, 'connected');
    },
  },
  {
    name: 'status: a missing resource',
    prove: async (stand) => {
      const integration = await stand.integrate(await stand.server.missing());
      const status = await stand.untilState(integration, 'misconfigured');
      expect(status.reason).toMatch(/\w/);
      expect(status.nextAttempt).toBeGreaterThan(Date.now() + 60_000);
    },
  },
  {
    name: 'status: a server restart',
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      await stand.breakLink(integration);
      await place.publish(['m1']);
      await stand.untilMessages(integration, 'one sent after it', (texts) => texts.includes('m1'), place);
    },
  },
  {
    name: 'rotation of a credential',
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      await place.publish(numbered(1, 50));
      await stand.change(integration, { config: { ...place.rotated.config } });
      await stand.untilState(integration, 'connected', 2);
      await place.publish(['last']);
      const all = [...numbered(1, 50), 'last'];
      await stand.untilMessages(integration, 'all of them', (texts) => all.every((text) => texts.includes(text)), place);
      // The new connection was there before the old one went, but where a provider admits one only and a trial went before.
      const types = (await stand.harness.inbound(integration)).map(({ type }) => type);
      expect(types).not.toContain('gap');
      if (stand.provider.trial === undefined) expect(types).not.toContain('disconnect');
    },
  },
  {
    name: 'deletion leaves nothing behind',
    prove: async (stand) => {
      const { place, integration } = await stand.source();
      await place.publish(['m1']);
      await stand.untilStored(integration, ['m1']);
      await stand.delete(integration);
      await until(
        'its connections are closed',
        () => stand.server.proxy.open,
        (open) => open === 0,
      );
      await until(
        'the server has nothing of it',
        () => place.remains(integration.id),
        (left) => left.length === 0,
      );
      expect(await stand.harness.status(integration)).toBeUndefined();
    },
  },
];
