-- {{ params.least }} days of a kind are the least that is shown.
SELECT weather, count(*)::int AS days, round(avg(temp_max), 1)::float8 AS warmest_on_average
FROM thence_sql_report_{{ run_id | replace(r/\W/g, '_') }}
GROUP BY weather
HAVING count(*) >= $1
ORDER BY days DESC, weather
