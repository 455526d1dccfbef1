/** CommonJS. Also what the bundlers take as their entry. */
const cycle = require('./cycle.cjs')
const zoetrope = require('zoetrope')

void cycle(zoetrope)
