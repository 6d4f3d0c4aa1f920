import { Controller } from '@nestjs/common';
import { MessagePattern, Payload, Transport } from '@nestjs/microservices';
import { commandSubject, querySubject, type Reply } from '#lib/contracts';
import { createWorkflow, updateWorkflow, deleteWorkflow, getWorkflow, listWorkflows } from '../handlers/workflows.ts';
import { Answering } from './answering.ts';

const command = (name: string): string => commandSubject('workflow', name);
const query = (name: string): string => querySubject('workflow', name);

@Controller()
export class WorkflowController {
  constructor(private readonly answering: Answering) {}

  @MessagePattern(command('create'), Transport.NATS)
  create(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('create'), envelope, createWorkflow);
  }

  @MessagePattern(command('update'), Transport.NATS)
  update(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('update'), envelope, updateWorkflow);
  }

  @MessagePattern(command('delete'), Transport.NATS)
  delete(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.command(command('delete'), envelope, deleteWorkflow);
  }

  @MessagePattern(query('get'), Transport.NATS)
  get(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.query(query('get'), envelope, getWorkflow);
  }

  @MessagePattern(query('list'), Transport.NATS)
  list(@Payload() envelope: unknown): Promise<Reply> {
    return this.answering.query(query('list'), envelope, listWorkflows);
  }
}
