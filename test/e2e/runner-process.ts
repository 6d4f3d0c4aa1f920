/**
 * The runner as a process that tests may kill: the service without its Nest module, straight from the sources. Prints `ready` once it is; see {@link spawnRunner}
 * in the runner's own tests. Takes the addresses of NATS and PostgreSQL as arguments.
 */
import { openRunner } from '../../apps/workflow-runner/src/service.ts';
import { createLogger } from '#lib/platform';
import { secretSettings } from '../servers/master-key.ts';

const [natsUrl = '', postgresUrl = ''] = process.argv.slice(2);
const log = createLogger({ service: 'runner', level: 'silent' });
const runner = await openRunner({ natsUrl, postgresUrl, replicaId: 'r1', standalone: true, log, ...secretSettings() });
while (!runner.ready().ok) await new Promise((resolve) => setTimeout(resolve, 5));
process.stdout.write('ready\n');
