import type { CheckContext } from '#lib/connector-sdk';
import { type ResolvedConfig, upgradeOf } from './authentication.ts';
import { handshake } from './handshake.ts';

const CLOSED_NORMALLY = 1000;

/** Upgrades, and closes in order: nothing is read, and nothing is sent. */
export async function check(config: ResolvedConfig, context: CheckContext): Promise<void> {
  const upgrade = upgradeOf(config);
  const { ws } = await context.step('authenticate', 'The server takes the connection.', async () => await handshake(upgrade, context));
  await new Promise<void>((resolve) => {
    ws.once('close', () => resolve());
    ws.close(CLOSED_NORMALLY);
    ws.resume(); // read away, so that the server's own close frame is seen
  });
}
