import { conform } from './conform.ts';

conform(({ providerIds }) => providerIds);
