import { EventStore, openDatabase, rebuildReadModels } from '#lib/event-sourcing';
import { EnvironmentError } from '#lib/platform';
import { SCHEMA } from './index.ts';
import { migrations } from './persistence/migrations.ts';
import { project, upcasters } from './projection.ts';
import { readDatabaseSettings } from './settings.ts';

/** `npm run rebuild`: makes the read models anew from event one, beside the running service, and says whether the live ones had been right. */
try {
  const { postgresUrl } = readDatabaseSettings(process.env);
  const database = await openDatabase({ url: postgresUrl, schema: SCHEMA, migrations });
  try {
    const store = new EventStore(database, { upcasters, project });
    const show = (done: number, of: number): void => {
      const percent = of === 0 ? 100 : Math.floor((100 * done) / of);
      process.stdout.write(process.stdout.isTTY ? `\r${done} of ${of} events (${percent} %)` : `${done} of ${of} events (${percent} %)\n`);
    };
    const { events, differences } = await rebuildReadModels(database, store, project, show);
    const verdict = differences === 0 ? 'the live ones were the same' : `${differences} of the live ones were different and are mended`;
    process.stdout.write(`\nread models made anew from ${events} events: ${verdict}\n`);
  } finally {
    await database.destroy();
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof EnvironmentError ? 2 : 1);
}
