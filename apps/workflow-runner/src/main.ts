import { readEnvironment, runService, setting } from '#lib/platform';
import { z } from 'zod';
import { startRunner } from './index.ts';

const Settings = z.object({ postgresUrl: setting.url('postgres', 'postgresql') });

/** The runner as a process of its own. */
runService(
  'workflow-runner',
  (environment) => readEnvironment(Settings, { postgresUrl: 'SLUICE_POSTGRES_URL' }, environment),
  startRunner,
  {
    health: true,
  },
);
