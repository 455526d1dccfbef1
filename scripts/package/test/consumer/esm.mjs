/** An ES module: named imports, and the whole as a namespace. */
import { CnnLstm } from 'zoetrope'
import * as zoetrope from 'zoetrope'
import cycle from './cycle.cjs'

if (zoetrope.CnnLstm !== CnnLstm) throw new Error('Expected one package, found two')
await cycle(zoetrope)
