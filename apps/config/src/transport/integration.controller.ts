import { Controller } from '@nestjs/common';
import { MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { commandSubject, querySubject, type Reply } from '#lib/contracts';
import {
  createIntegration,
  updateIntegration,
  deleteIntegration,
  draftIntegration,
  getIntegration,
  listIntegrations,
} from '../handlers/integrations.ts';
import { Answering } from './answering.ts';

const command = (name: string): string => commandSubject('integration', name);
const query = (name: string): string => querySubject('integration', name);

@Controller()
export class IntegrationController {
  constructor(private readonly answering: Answering) {}

  @MessagePattern(command('create'), Transport.NATS)
  create(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('create'), envelope, createIntegration);
  }

  @MessagePattern(command('update'), Transport.NATS)
  update(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('update'), envelope, updateIntegration);
  }

  @MessagePattern(command('delete'), Transport.NATS)
  delete(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('delete'), envelope, deleteIntegration);
  }

  @MessagePattern(command('draft'), Transport.NATS)
  draft(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('draft'), envelope, draftIntegration);
  }

  @MessagePattern(query('get'), Transport.NATS)
  get(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.query(query('get'), envelope, getIntegration);
  }

  @MessagePattern(query('list'), Transport.NATS)
  list(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.query(query('list'), envelope, listIntegrations);
  }
}
