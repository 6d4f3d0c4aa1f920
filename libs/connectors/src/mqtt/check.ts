import { type CheckContext, type ConnectionConfig, ConnectorError } from '#lib/connector-sdk';
import type { MqttConfig } from './config.ts';
import type { ConnectOptions } from './control.ts';
import { deaf } from './deaf.ts';
import { PacketLink } from './link.ts';
import { withoutCertificate } from './reasons.ts';
import { MqttSession } from './session.ts';
import { openStream } from './transport.ts';

/**
 * Connects under a throw-away client id with a clean session, and subscribes for a moment: everyone else still gets each message. Filters of shared
 * subscriptions would take some, so those aren't tried.
 */
export async function check(
  { config, topics }: ConnectionConfig<MqttConfig>,
  options: ConnectOptions,
  context: CheckContext,
): Promise<void> {
  const stream = await openStream(config, context);
  const session = new MqttSession(new PacketLink(stream, options.version), options, [], deaf(context));
  await context.step('authenticate', 'The broker lets the client in.', async () => {
    await session.open().catch((error: unknown) => Promise.reject(withoutCertificate(config, error)));
  });
  try {
    for (const topic of topics) await checkTopic(session, topic, context);
  } finally {
    await session.close({ drain: false });
  }
}

async function checkTopic(session: MqttSession, topic: string, { step }: CheckContext): Promise<void> {
  if (topic.startsWith('$') && !topic.startsWith('$SYS/'))
    return await step('authorise', `The filter ${topic} is not tried: it could take messages from others.`, () => Promise.resolve());
  let gone: ConnectorError | undefined;
  const tried = step('authorise', `The broker lets it subscribe to ${topic}.`, async () => {
    const refused = await session.trySubscription(topic).catch((error: ConnectorError) => {
      gone = error;
      throw error;
    });
    if (refused !== undefined) throw new ConnectorError('misconfigured', `The broker refuses to subscribe to ${topic}: ${refused}.`);
  });
  // One that is refused says nothing of the next, as long as the link is there.
  await tried.catch(() => undefined);
  if (gone !== undefined) throw gone;
}
