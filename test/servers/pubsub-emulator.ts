import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { freePort, startServer } from '../../apps/standalone/src/servers/child.ts';

export interface PubSubEmulator {
  readonly version: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Where Google's SDK is usually installed; its own scripts name the folder in CLOUDSDK_ROOT_DIR. */
const SDKS = [
  process.env['CLOUDSDK_ROOT_DIR'],
  '/usr/lib/google-cloud-sdk',
  '/usr/share/google-cloud-sdk',
  join(homedir(), 'google-cloud-sdk'),
];
const START_MS = 150_000;
/** Quick to start, on few cores. */
const JAVA_OPTS = '-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m';

/** The folder of Google's own Pub/Sub emulator; undefined: this machine has none, or no Java to run it. */
export function emulatorFolder(): string | undefined {
  const hasJava = (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, 'java')));
  if (!hasJava) return undefined;
  return SDKS.flatMap((sdk) => (sdk === undefined ? [] : [join(sdk, 'platform', 'pubsub-emulator')])).find((folder) =>
    existsSync(join(folder, 'bin', 'cloud-pubsub-emulator')),
  );
}

/** Google's own emulator on 127.0.0.1: nothing in it outlives it. */
export async function startPubSubEmulator(folder: string): Promise<PubSubEmulator> {
  const port = await freePort();
  const server = await startServer({
    name: 'the Pub/Sub emulator',
    at: `127.0.0.1:${port}`,
    command: join(folder, 'bin', 'cloud-pubsub-emulator'),
    args: ['--host=127.0.0.1', `--port=${port}`],
    deathSignal: 'TERM',
    env: { ...process.env, JAVA_OPTS },
    serves: () => answers(port),
    withinMs: START_MS,
  });
  const jar = readdirSync(join(folder, 'lib')).find((name) => name.startsWith('cloud-pubsub-emulator-')) ?? '';
  return { version: /\d+(?:\.\d+)+/.exec(jar)?.[0] ?? '', port, stop: () => server.stop('SIGKILL') };
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}`)).ok;
  } catch {
    return false; // it does not listen yet
  }
}
