import { readEnvironment, runService, setting } from '#lib/platform';
import { z } from 'zod';
import { startDispatch } from './index.ts';

const Settings = z.object({ postgresUrl: setting.url('postgres', 'postgresql') });

/** Dispatch as a process of its own. */
runService(
  'workflow-dispatch',
  (environment) => readEnvironment(Settings, { postgresUrl: 'SLUICE_POSTGRES_URL' }, environment),
  startDispatch,
  {
    health: true,
  },
);
