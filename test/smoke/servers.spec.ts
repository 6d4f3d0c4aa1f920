import { expect, it } from 'vitest';
import { startMosquitto } from '../servers/mosquitto.ts';
import { startTestNats } from '../servers/nats.ts';
import { startTestPostgres } from '../servers/postgres.ts';

it('starts the real servers that the tests need', async () => {
  const servers = await Promise.all([startTestNats(), startTestPostgres(), startMosquitto()]);
  expect(servers).toHaveLength(3);
  await Promise.all(servers.map((server) => server.stop()));
});
