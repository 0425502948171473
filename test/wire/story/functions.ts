/** The functions as the packaged template has them: each in its own process, with its own environment and its own calls. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { at, resource, type Template } from '../../infra/packaged.ts'
import { functionId } from '../../infra/policy/callers.ts'
import { resolved } from '../../infra/policy/resolve.ts'
import type { Answered } from './function-process.ts'

export const preload = path.join(import.meta.dirname, 'preload.ts')
const program = path.join(import.meta.dirname, 'function-process.ts')

export interface Functions {
  /** Errors: what the handler threw. */
  invoke(name: string, event: unknown): Promise<unknown>
  stop(): Promise<void>
}

/** @param more what Lambda itself and this machine add to a function's environment */
export function openFunctions(
  template: Template,
  more: (name: string) => Readonly<Record<string, string>>,
): Functions {
  const running = new Map<string, FunctionProcess>()
  return {
    invoke: (name, event) => {
      const own =
        running.get(name) ?? new FunctionProcess(name, { ...variablesOf(name, template), ...more(name) })
      running.set(name, own)
      return own.invoke(event)
    },
    stop: async () => {
      await Promise.all([...running.values()].map(one => one.stop()))
    },
  }
}

function variablesOf(name: string, template: Template): Record<string, string> {
  const declared = resource(template, functionId(name), 'AWS::Lambda::Function')
  return resolved(at(declared, 'Environment.Variables'), template) as Record<string, string>
}

class FunctionProcess {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  readonly #said: string[] = []
  #id = 0

  constructor(name: string, env: Record<string, string>) {
    this.#child = fork(program, [name], { execArgv: ['--import', preload], env, silent: true })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => this.#said.push(String(chunk)))
    }
    this.#child.on('message', ({ id, result, error }: Answered) => {
      const asked = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) asked?.resolve(result)
      else asked?.reject(new Error(`${name}: ${error}`))
    })
    this.#child.on('exit', code => {
      const error = new Error(`${name} ended with ${code}: ${this.#said.join('').slice(-4000)}`)
      for (const asked of this.#waiting.values()) asked.reject(error)
    })
  }

  invoke(event: unknown): Promise<unknown> {
    this.#id += 1
    const asked = Promise.withResolvers<unknown>()
    this.#waiting.set(this.#id, asked)
    this.#child.send({ id: this.#id, event })
    return asked.promise
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }
}
