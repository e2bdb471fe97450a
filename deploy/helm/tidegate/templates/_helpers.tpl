{{- define "tidegate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "tidegate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "tidegate.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tidegate.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tidegate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "tidegate.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "tidegate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tidegate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end -}}

{{- define "tidegate.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "tidegate.selectorLabels" . }}
app.kubernetes.io/part-of: tidegate
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/*
The names of the Secrets of the release's namespace that router plugins are fetched with, as a JSON list: those that the values of the plugins
name, and controller.pluginSecrets.
*/}}
{{- define "tidegate.pluginSecrets" -}}
{{- $namespace := .Release.Namespace -}}
{{- $names := .Values.controller.pluginSecrets -}}
{{- range .Values.controller.trafficRouterPlugins -}}
  {{- range .headersFrom -}}
    {{- $names = append $names .secretRef.name -}}
  {{- end -}}
{{- end -}}
{{- range .Values.routerPlugins -}}
  {{- $https := dig "source" "https" (dict) .spec -}}
  {{- range dig "headers" (list) $https -}}
    {{- if eq $namespace (default $namespace .secretKeyRef.namespace) -}}
      {{- $names = append $names .secretKeyRef.name -}}
    {{- end -}}
  {{- end -}}
  {{- range dig "headersFrom" (list) $https -}}
    {{- if eq $namespace (default $namespace .secretRef.namespace) -}}
      {{- $names = append $names .secretRef.name -}}
    {{- end -}}
  {{- end -}}
  {{- with dig "caRef" (dict) $https -}}
    {{- if and (eq .kind "Secret") (eq $namespace (default $namespace .namespace)) -}}
      {{- $names = append $names .name -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- $names | uniq | sortAlpha | toJson -}}
{{- end -}}
