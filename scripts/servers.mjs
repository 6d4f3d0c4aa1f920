/** `npm run servers -- <provider>`: starts a server of a provider (sqs, azureEventHub, googlePubSub, mqtt, particle, websocket) to play with; prints what to type. */
import { NODE, ROOT } from './setup/paths.mjs';
import { run } from './setup/run.mjs';
import { main } from './setup/step.mjs';
import { testEnvironment } from './setup/test-tools.mjs';

await main(async () => {
  const env = await testEnvironment();
  // Ctrl-C reaches the server itself; this process waits for it to end.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => undefined);
  const args = ['-C', 'source', '--experimental-transform-types', '--disable-warning=ExperimentalWarning', 'test/providers/play.ts'];
  const { code } = await run(NODE, [...args, ...process.argv.slice(2)], { cwd: ROOT, env, show: true });
  return code;
});
