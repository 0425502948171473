/** Measurements become lines of the log that CloudWatch makes metrics of (EMF): no call, no wait. */
import { Metrics } from '@aws-lambda-powertools/metrics'
import {
  dimensionsOf,
  type Measure,
  type Measurement,
  metricsNamespace,
  metricsService,
  metricTable,
} from '../../shared/metrics.ts'

type Dimensions = Record<string, string>

export interface Meter {
  /** An account may hold several stages: each measures for itself. */
  of(stage: string): Measure
  /** Writes what was measured since the last time; nothing where nothing was. */
  flush(): void
}

export function createMeter(): Meter {
  const measured = new Map<string, { dimensions: Dimensions; measurements: Measurement[] }>()
  const add = (dimensions: Dimensions, measurement: Measurement): void => {
    const key = JSON.stringify(dimensions)
    const { measurements } = measured.get(key) ?? { measurements: [] }
    measured.set(key, { dimensions, measurements: [...measurements, measurement] })
  }
  return {
    of: stage => measurement => {
      for (const labels of dimensionsOf(measurement)) add({ stage, ...labels }, measurement)
    },
    flush: () => {
      for (const { dimensions, measurements } of measured.values()) write(dimensions, measurements)
      measured.clear()
    },
  }
}

function write(dimensions: Dimensions, measurements: readonly Measurement[]): void {
  const line = new Metrics({ namespace: metricsNamespace, serviceName: metricsService })
  for (const [name, value] of Object.entries(dimensions)) line.addDimension(name, value)
  for (const { metric, value } of measurements) line.addMetric(metric, metricTable[metric].unit, value)
  line.publishStoredMetrics()
}
